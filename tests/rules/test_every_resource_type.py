"""Everybody or a stranger let in on every type of resource, in the shape its API logs; and how to undo it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bindwatch.engine import Engine
from bindwatch.model.finding import Finding
from bindwatch.model.log_entry import from_dict
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES

PUBLIC, OUTSIDER = "allUsers", "user:eve@gmail.com"
MEMBERS = {"public-member": PUBLIC, "external-member": OUTSIDER}
PROJECT = {"project_id": "shop-prod"}


@dataclass(frozen=True)
class Shape:
    """How one API logs a change of a policy: which call, on what, and where the entry says who was let in."""

    service: str
    method: str
    name: str
    role: str
    command: str
    kind: str = "audited_resource"
    labels: Mapping[str, str] | None = None
    says: str = "policy"
    log: str = "projects/shop-prod"

    def payload(self, member: str) -> dict[str, Any]:
        """What the payload says of the member."""
        policy = {"bindings": [{"role": self.role, "members": [member]}], "etag": "BwX"}
        delta = {"bindingDeltas": [{"action": "ADD", "role": self.role, "member": member}]}
        request = {"@type": "type.googleapis.com/google.iam.v1.SetIamPolicyRequest", "resource": self.name}
        match self.says:
            case "policy":  # the request and the answer
                return {"request": request | {"policy": policy}, "response": policy}
            case "request":
                return {"request": request | {"policy": policy}}
            case "answer":
                return {"response": policy}
            case "bucket":
                return {"request": {"iamRequest": {"policy": policy, "resource": self.name}}, "response": policy}
            case "delta":
                audit = {"@type": "type.googleapis.com/google.iam.v1.logging.AuditData", "policyDelta": delta}
                return {"request": request, "serviceData": audit}
            case "access":
                access = {"specialGroup": member} if member == PUBLIC else {"userByEmail": member.partition(":")[2]}
                change = {"action": "ADD", "access": {"role": self.role, **access}}
                return {"metadata": {"datasetChange": {"accessChanges": [change]}}}
            case change:  # of BigQuery
                return {"request": request, "metadata": {change: delta}}

    def entry(self, member: str) -> dict[str, Any]:
        """The entry of a call that lets the member in."""
        return {
            "logName": f"{self.log}/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": "a",
            "timestamp": "2026-11-03T09:14:05.113482Z",
            "severity": "NOTICE",
            "resource": {"type": self.kind, "labels": dict(PROJECT if self.labels is None else self.labels)},
            "protoPayload": {
                "serviceName": self.service,
                "methodName": self.method,
                "resourceName": self.name,
                "authenticationInfo": {"principalEmail": "ada@example.com"},
                "requestMetadata": {"callerIp": "192.0.2.7"},
                **self.payload(member),
            },
        }


STORAGE, BIGQUERY, KMS = "storage.googleapis.com", "bigquery.googleapis.com", "cloudkms.googleapis.com"
RUN, COMPUTE, CRM = "run.googleapis.com", "compute.googleapis.com", "cloudresourcemanager.googleapis.com"
PUBSUB, FUNCTIONS, IAP = "pubsub.googleapis.com", "cloudfunctions.googleapis.com", "iap.googleapis.com"
SECRETS, IMAGES, IAM = "secretmanager.googleapis.com", "artifactregistry.googleapis.com", "iam.googleapis.com"
ANY = "google.iam.v1.IAMPolicy.SetIamPolicy"
WEST = "projects/shop-prod/locations/europe-west1"
BUCKET = {"bucket_name": "data", "project_id": "shop-prod", "location": "eu"}
DATASET = {"dataset_id": "orders", "project_id": "shop-prod"}
ORDERS = "projects/shop-prod/datasets/orders"
RING = "projects/shop-prod/locations/eu/keyRings/ring"
READER, USER, INVOKER = "roles/storage.objectViewer", "roles/compute.imageUser", "roles/run.invoker"
VIEWER = "roles/bigquery.dataViewer"
WEB = "projects/123456789012/iap_web/compute/services/7312383563505470445"
ACCOUNT = {"email_id": "ci@shop-prod.iam.gserviceaccount.com", "unique_id": "113", "project_id": "shop-prod"}
SHAPES: dict[str, Shape] = {
    "bucket": Shape(
        STORAGE,
        "storage.setIamPermissions",
        "projects/_/buckets/data",
        READER,
        "gcloud storage buckets remove-iam-policy-binding gs://data ",
        "gcs_bucket",
        BUCKET,
        "bucket",
    ),
    "bucket-by-delta": Shape(
        STORAGE,
        "storage.setIamPermissions",
        "projects/_/buckets/data",
        READER,
        "gcloud storage buckets remove-iam-policy-binding gs://data ",
        "gcs_bucket",
        BUCKET,
        "delta",
    ),
    "bucket-when-made": Shape(
        STORAGE,
        "storage.buckets.create",
        "projects/_/buckets/data",
        READER,
        "gcloud storage buckets remove-iam-policy-binding gs://data ",
        "gcs_bucket",
        BUCKET,
        "delta",
    ),
    "dataset": Shape(BIGQUERY, ANY, ORDERS, VIEWER, "ON SCHEMA", "bigquery_dataset", DATASET, "datasetChange"),
    "dataset-access-list": Shape(
        BIGQUERY,
        "google.cloud.bigquery.v2.DatasetService.PatchDataset",
        ORDERS,
        "READER",
        "bq ",
        "bigquery_dataset",
        DATASET,
        "access",
    ),
    "table": Shape(
        BIGQUERY, ANY, f"{ORDERS}/tables/t", VIEWER, "shop-prod:orders.t", "bigquery_dataset", DATASET, "tableChange"
    ),
    "crypto-key": Shape(
        KMS,
        "SetIamPolicy",
        f"{RING}/cryptoKeys/cards",
        "roles/cloudkms.cryptoKeyDecrypter",
        "gcloud kms keys remove-iam-policy-binding cards --keyring=ring --location=eu ",
        "cloudkms_cryptokey",
        says="request",
    ),
    "key-ring": Shape(
        KMS,
        "SetIamPolicy",
        RING,
        "roles/cloudkms.admin",
        "gcloud kms keyrings remove-iam-policy-binding ring --location=eu ",
        "cloudkms_keyring",
        says="request",
    ),
    "run-service": Shape(
        RUN,
        "google.cloud.run.v1.Services.SetIamPolicy",
        f"{WEST}/services/web",
        "roles/run.admin",
        "gcloud run services remove-iam-policy-binding web --region=europe-west1 ",
        "cloud_run_revision",
        {"service_name": "", "location": "", "project_id": "shop-prod"},
    ),
    "run-service-v2": Shape(
        RUN,
        "google.cloud.run.v2.Services.SetIamPolicy",
        f"{WEST}/services/web",
        INVOKER,
        "gcloud run services remove-iam-policy-binding web --region=europe-west1 ",
    ),
    "run-job": Shape(
        RUN,
        "google.cloud.run.v1.Jobs.SetIamPolicy",
        f"{WEST}/jobs/nightly",
        INVOKER,
        "gcloud run jobs remove-iam-policy-binding nightly --region=europe-west1 ",
    ),
    "iap": Shape(
        IAP,
        "google.cloud.iap.v1.IdentityAwareProxyAdminService.SetIamPolicy",
        WEB,
        "roles/iap.httpsResourceAccessor",
        "gcloud iap web remove-iam-policy-binding ",
        "gce_backend_service",
        {"backend_service_id": "", "location": "", "project_id": "shop-prod"},
    ),
    **{
        kind: Shape(
            COMPUTE,
            f"{version}.compute.{kind}s.setIamPolicy",
            f"projects/shop-prod/{where}/{kind}s/base",
            USER,
            f"gcloud compute {kind}s remove-iam-policy-binding base ",
            f"gce_{kind}",
            says="request",
        )
        for kind, version, where in (
            ("image", "v1", "global"),
            ("snapshot", "beta", "global"),
            ("disk", "v1", "zones/europe-west1-b"),
        )
    },
    "secret": Shape(
        SECRETS,
        "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy",
        "projects/123456789012/secrets/db",
        "roles/secretmanager.secretAccessor",
        "gcloud secrets remove-iam-policy-binding db ",
        "secretmanager.googleapis.com/Secret",
        says="request",
    ),
    "topic": Shape(
        PUBSUB,
        ANY,
        "projects/shop-prod/topics/orders",
        "roles/pubsub.publisher",
        "gcloud pubsub topics remove-iam-policy-binding orders ",
        "pubsub_topic",
    ),
    "subscription": Shape(
        PUBSUB,
        ANY,
        "projects/shop-prod/subscriptions/orders",
        "roles/pubsub.subscriber",
        "gcloud pubsub subscriptions remove-iam-policy-binding orders ",
        "pubsub_subscription",
        says="answer",
    ),
    "repository": Shape(
        IMAGES,
        "google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy",
        "projects/shop-prod/locations/europe/repositories/images",
        "roles/artifactregistry.reader",
        "gcloud artifacts repositories remove-iam-policy-binding images --location=europe ",
    ),
    "function": Shape(
        FUNCTIONS,
        "google.cloud.functions.v1.CloudFunctionsService.SetIamPolicy",
        f"{WEST}/functions/hook",
        "roles/cloudfunctions.invoker",
        "gcloud functions remove-iam-policy-binding hook --region=europe-west1 ",
        "cloud_function",
    ),
    "project": Shape(
        CRM,
        "SetIamPolicy",
        "projects/shop-prod",
        "roles/viewer",
        "gcloud projects remove-iam-policy-binding shop-prod ",
        "project",
        says="delta",
    ),
    "folder": Shape(
        CRM,
        "SetIamPolicy",
        "folders/55",
        "roles/viewer",
        "gcloud resource-manager folders remove-iam-policy-binding 55 ",
        "folder",
        {"folder_id": "55"},
        "delta",
        "folders/55",
    ),
    "organization": Shape(
        CRM,
        "SetIamPolicy",
        "organizations/4711",
        "roles/browser",
        "gcloud organizations remove-iam-policy-binding 4711 ",
        "organization",
        {"organization_id": "4711"},
        "delta",
        "organizations/4711",
    ),
    "service-account": Shape(
        IAM,
        "google.iam.admin.v1.SetIAMPolicy",
        "projects/-/serviceAccounts/113",
        "roles/iam.serviceAccountUser",
        "gcloud iam service-accounts remove-iam-policy-binding ci@shop-prod.iam.gserviceaccount.com ",
        "service_account",
        ACCOUNT,
        "delta",
    ),
}


def found(entry: dict[str, Any], rule_id: str) -> list[Finding]:
    verdict = Engine(Context(), LOG_RULES).judge_entry(from_dict(entry))
    assert verdict.failures == ()
    return [finding for finding in verdict.findings if finding.rule_id == rule_id]


@pytest.mark.parametrize("rule_id", MEMBERS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_who_was_let_in_is_found_with_the_command_of_its_type(shape: Shape, rule_id: str) -> None:
    (finding,) = found(shape.entry(MEMBERS[rule_id]), rule_id)
    assert finding.remediation is not None
    command = finding.remediation.commands[0]
    assert shape.command in command
    assert MEMBERS[rule_id].partition(":")[2] in command


@pytest.mark.parametrize("rule_id", MEMBERS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_refused_change_lets_nobody_in(shape: Shape, rule_id: str) -> None:
    entry = shape.entry(MEMBERS[rule_id])
    entry["protoPayload"]["status"] = {"code": 7, "message": "PERMISSION_DENIED"}
    assert found(entry, rule_id) == []


SUCCESS: dict[str, Any] = {
    "absent": {},
    "empty": {"status": {}},
    "code-zero": {"status": {"code": 0}},
    "said-ok": {"status": {"message": "OK"}},
    "said-otherwise": {"status": {"message": "Connection succeeded."}},
}


@pytest.mark.parametrize("encoding", SUCCESS)
def test_success_is_known_in_every_encoding(encoding: str) -> None:
    entry = SHAPES["bucket"].entry(PUBLIC)
    entry["protoPayload"] |= SUCCESS[encoding]
    assert found(entry, "public-member")


def test_an_error_without_a_code_is_no_success() -> None:
    entry = SHAPES["bucket"].entry(PUBLIC) | {"severity": "ERROR"}
    entry["protoPayload"]["status"] = {"message": "Precondition failed"}
    assert found(entry, "public-member") == []
