"""Rows of BigQuery give the entry they were made of: the same facts, whichever way it was kept."""

import json
from typing import Any

import pytest

from bindwatch.errors import InputError
from bindwatch.model.log_encodings import as_emitted
from bindwatch.model.log_entry import LogEntry, from_dict

EMITTED: dict[str, Any] = {
    "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
    "insertId": "abc",
    "timestamp": "2026-11-01T10:00:00.123456Z",
    "severity": "NOTICE",
    "resource": {"type": "project", "labels": {"project_id": "p"}},
    "operation": {"id": "op", "producer": "x", "first": True},
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": "cloudresourcemanager.googleapis.com",
        "methodName": "SetIamPolicy",
        "resourceName": "projects/p",
        "status": {"code": 7, "message": "denied"},
        "authenticationInfo": {
            "principalEmail": "ada@example.com",
            "serviceAccountKeyName": "//iam.googleapis.com/projects/p/serviceAccounts/s/keys/k",
            "serviceAccountDelegationInfo": [{"firstPartyPrincipal": {"principalEmail": "eve@example.com"}}],
        },
        "authorizationInfo": [
            {"permission": "resourcemanager.projects.setIamPolicy", "resource": "projects/p", "granted": True}
        ],
        "requestMetadata": {"callerIp": "192.0.2.7", "callerSuppliedUserAgent": "gcloud"},
        "request": {"policy": {"bindings": [{"role": "roles/owner", "members": ["user:eve@example.com"]}]}},
        "metadata": {"some_key": {"keptAsItIs": 1}},
        "serviceData": {
            "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
            "policyDelta": {
                "bindingDeltas": [{"action": "ADD", "role": "roles/owner", "member": "user:eve@example.com"}]
            },
        },
    },
}
PAYLOAD = EMITTED["protoPayload"]

LOG_ANALYTICS: dict[str, Any] = {
    "log_name": EMITTED["logName"],
    "log_id": "cloudaudit.googleapis.com/activity",
    "insert_id": "abc",
    "timestamp": EMITTED["timestamp"],
    "severity": "NOTICE",
    "severity_number": 300,
    "text_payload": None,
    "json_payload": None,
    "resource": {"type": "project", "labels": {"project_id": "p"}},
    "operation": {"id": "op", "producer": "x", "first": True, "last": None},
    "proto_payload": {
        "type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "audit_log": {
            "service_name": PAYLOAD["serviceName"],
            "method_name": "SetIamPolicy",
            "resource_name": "projects/p",
            "num_response_items": None,
            "status": {"code": 7, "message": "denied"},
            "authentication_info": {
                "principal_email": "ada@example.com",
                "principal_subject": None,
                "service_account_key_name": PAYLOAD["authenticationInfo"]["serviceAccountKeyName"],
                "service_account_delegation_info": [{"first_party_principal": {"principal_email": "eve@example.com"}}],
            },
            "authorization_info": [
                {
                    "permission": "resourcemanager.projects.setIamPolicy",
                    "resource": "projects/p",
                    "granted": True,
                    "resource_attributes": None,
                }
            ],
            "request_metadata": {"caller_ip": "192.0.2.7", "caller_supplied_user_agent": "gcloud"},
            "request": PAYLOAD["request"],
            "response": None,
            "metadata": PAYLOAD["metadata"],
            "service_data": PAYLOAD["serviceData"],
        },
    },
}

SINK_TABLE: dict[str, Any] = {
    "logName": EMITTED["logName"],
    "insertId": "abc",
    "timestamp": EMITTED["timestamp"],
    "severity": "NOTICE",
    "textPayload": None,
    "resource": {"type": "project", "labels": {"project_id": "p", "bucket_name": None}},
    "operation": {"id": "op", "producer": "x", "first": True, "last": None},
    "protopayload_auditlog": {
        "serviceName": PAYLOAD["serviceName"],
        "methodName": "SetIamPolicy",
        "resourceName": "projects/p",
        "status": {"code": 7, "message": "denied"},
        "authenticationInfo": PAYLOAD["authenticationInfo"] | {"principalSubject": None},
        "authorizationInfo": PAYLOAD["authorizationInfo"],
        "requestMetadata": PAYLOAD["requestMetadata"] | {"requestAttributes": {"time": None}},
        "requestJson": json.dumps(PAYLOAD["request"]),
        "responseJson": None,
        "metadataJson": json.dumps(PAYLOAD["metadata"]),
        "servicedata_v1_iam": {
            "policyDelta": {
                "bindingDeltas": [
                    {"action": "ADD", "role": "roles/owner", "member": "user:eve@example.com", "condition": None}
                ]
            }
        },
    },
}


def facts(entry: LogEntry) -> tuple[object, ...]:
    return (
        entry.ref,
        entry.service,
        entry.method,
        entry.caller_name,
        entry.key_name,
        entry.impersonators,
        entry.granted_permissions,
        entry.status_code,
        entry.caller_ip,
        entry.resource,
        entry.attempted_grants,
        entry.requested_policy,
        entry.metadata,
        entry.operation,
    )


@pytest.mark.parametrize("row", [LOG_ANALYTICS, SINK_TABLE], ids=["log-analytics", "sink-table"])
def test_a_row_says_what_its_entry_said(row: dict[str, Any]) -> None:
    assert facts(from_dict(as_emitted(row))) == facts(from_dict(EMITTED))
    assert from_dict(EMITTED).attempted_grants


def test_free_form_columns_may_arrive_as_text() -> None:
    row = json.loads(json.dumps(LOG_ANALYTICS))
    audit_log = row["proto_payload"]["audit_log"]
    for name in ("request", "metadata", "service_data"):
        audit_log[name] = json.dumps(audit_log[name])
    row["resource"]["labels"] = json.dumps(row["resource"]["labels"])
    assert facts(from_dict(as_emitted(row))) == facts(from_dict(EMITTED))


def test_an_entry_as_emitted_comes_back() -> None:
    assert as_emitted(EMITTED) == EMITTED


def test_a_permission_delta_keeps_its_kind() -> None:
    row = json.loads(json.dumps(SINK_TABLE))
    audit_log = row["protopayload_auditlog"]
    del audit_log["servicedata_v1_iam"]
    audit_log["servicedata_v1_iam_admin"] = {"permissionDelta": {"addedPermissions": ["iam.roles.update"]}}
    audit_log |= {"methodName": "google.iam.admin.v1.UpdateRole", "serviceName": "iam.googleapis.com"}
    assert from_dict(as_emitted(row)).permission_delta.added == ("iam.roles.update",)


@pytest.mark.parametrize(
    "row", [{}, {"proto_payload": None}, {"proto_payload": {"audit_log": None}}, {"protopayload_auditlog": 5}]
)
def test_what_is_no_audit_log_entry_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        as_emitted(row)
