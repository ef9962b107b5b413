"""Twins about what runs code as a service account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.twins.entries import (
    ACCOUNT,
    DATA_ACCESS,
    DENIED,
    GRANTED,
    PIPELINE,
    REFUSED,
    Twin,
    deployments,
    entry,
)


def twins() -> Iterator[Twin]:
    """Every twin of this file."""
    yield from _by_the_call()
    yield from _by_what_it_shows()


def _by_the_call() -> Iterator[Twin]:
    run, build, functions = "run.googleapis.com", "cloudbuild.googleapis.com", "cloudfunctions.googleapis.com"
    for rule_id, service, methods, permission, another in (
        (
            "GCP.Cloud.Run.Service.Created",
            run,
            ("google.cloud.run.v1.Services.CreateService", "google.cloud.run.v2.Services.CreateService"),
            "run.services.create",
            "google.cloud.run.v1.Services.DeleteService",
        ),
        (
            "GCP.CloudBuild.Potential.Privilege.Escalation",
            build,
            ("google.devtools.cloudbuild.v1.CloudBuild.CreateBuild",),
            "cloudbuild.builds.create",
            "google.devtools.cloudbuild.v1.CloudBuild.GetBuild",
        ),
        (
            "GCP.Cloudfunctions.Functions.Create",
            functions,
            (
                "google.cloud.functions.v1.CloudFunctionsService.CreateFunction",
                "google.cloud.functions.v2.FunctionService.CreateFunction",
                "google.cloud.functions.v2beta.FunctionService.CreateFunction",
            ),
            "cloudfunctions.functions.create",
            "google.cloud.functions.v1.CloudFunctionsService.DeleteFunction",
        ),
        (
            "GCP.Cloudfunctions.Functions.Update",
            functions,
            (
                "google.cloud.functions.v1.CloudFunctionsService.UpdateFunction",
                "google.cloud.functions.v2.FunctionService.UpdateFunction",
            ),
            "cloudfunctions.functions.update",
            "google.cloud.functions.v1.CloudFunctionsService.GetFunction",
        ),
        (
            "GCP.Privilege.Escalation.By.Deployments.Create",
            "deploymentmanager.googleapis.com",
            ("v2.deploymentmanager.deployments.insert", "alpha.deploymentmanager.deployments.insert"),
            "deploymentmanager.deployments.create",
            "v2.deploymentmanager.deployments.delete",
        ),
    ):
        for method in methods:
            yield Twin(rule_id, method, True, entry(service, method, checks={permission: GRANTED}))
        first = methods[0]
        yield Twin(rule_id, "by nobody named", True, entry(service, first, {}, checks={permission: GRANTED}))
        yield Twin(rule_id, "by a pipeline", True, entry(service, first, PIPELINE, checks={permission: GRANTED}))
        yield Twin(rule_id, "not granted", False, entry(service, first, checks={permission: REFUSED}))
        refused = entry(service, first, checks={permission: REFUSED}, status=DENIED)
        yield Twin(rule_id, "refused", False, refused)
        failed = entry(service, first, checks={permission: GRANTED}, status={"code": 6, "message": "already exists"})
        yield Twin(rule_id, "failed", False, failed)
        yield Twin(rule_id, "without its checks", False, entry(service, first))
        yield Twin(rule_id, "another method", False, entry(service, another, checks={"x.y.z": GRANTED}))
        if service == functions:
            yield Twin(rule_id, "through a deployment", True, deployments(permission, GRANTED))
            yield Twin(rule_id, "deployment refused it", False, deployments(permission, REFUSED))
            other = deployments("deploymentmanager.deployments.create", GRANTED)
            yield Twin(rule_id, "deployment of something else", False, other)
    replaced = entry(run, "google.cloud.run.v1.Services.ReplaceService", checks={"run.services.update": GRANTED})
    yield Twin("GCP.Cloud.Run.Service.Created", "replaced", False, replaced)
    machine = "GCP.compute.instances.create.Privilege.Escalation"
    verbs = ("disks.create", "instances.create", "instances.setMetadata", "instances.setServiceAccount")
    held = {f"compute.{verb}": GRANTED for verb in verbs}
    for method in ("v1.compute.instances.insert", "beta.compute.instances.insert", "alpha.compute.instances.insert"):
        yield Twin(machine, method, True, entry("compute.googleapis.com", method, checks=held, kind="gce_instance"))
    insert = "v1.compute.instances.insert"
    yield Twin(machine, "by a pipeline", True, entry("compute.googleapis.com", insert, PIPELINE, checks=held))
    without = {name: True for name in held if "ServiceAccount" not in name}
    yield Twin(machine, "without an account", False, entry("compute.googleapis.com", insert, checks=without))
    partly = held | {"compute.instances.create": REFUSED}
    yield Twin(machine, "refused", False, entry("compute.googleapis.com", insert, checks=partly, status=DENIED))
    started = entry("compute.googleapis.com", "v1.compute.instances.start", checks={"compute.instances.start": GRANTED})
    yield Twin(machine, "started", False, started)


_FUNCTIONS: Final = ("cloudfunctions.googleapis.com", "google.cloud.functions.")
_RUN: Final = ("run.googleapis.com", "google.cloud.run.")
_BUILD: Final = ("cloudbuild.googleapis.com", "google.devtools.cloudbuild.v1.CloudBuild.")
_DEPLOY: Final = ("deploymentmanager.googleapis.com", "")
_NOT_HELD: Final = {"iam.serviceAccounts.actAs": GRANTED, "cloudfunctions.functions.create": REFUSED}


def _by_what_it_shows() -> Iterator[Twin]:
    """Requests in the words of each API, calls that check more than one permission, parts that are missing."""
    first = {"name": "report", "serviceAccountEmail": ACCOUNT}
    second = {"serviceConfig": {"serviceAccountEmail": ACCOUNT}}
    service = {"spec": {"template": {"spec": {"serviceAccountName": ACCOUNT}}}}
    for rule_id, (api, package), story, expected, method, checks, more in (
        (
            "GCP.Cloudfunctions.Functions.Create", _FUNCTIONS, "first generation", True,
            "v1.CloudFunctionsService.CreateFunction", {"cloudfunctions.functions.create": GRANTED},
            {"request": {"function": first}},
        ),
        (
            "GCP.Cloudfunctions.Functions.Create", _FUNCTIONS, "second generation", True,
            "v2.FunctionService.CreateFunction", {"cloudfunctions.functions.create": GRANTED},
            {"request": {"function": second}},
        ),
        (
            "GCP.Cloudfunctions.Functions.Create", _FUNCTIONS, "attached, but not created", False,
            "v1.CloudFunctionsService.CreateFunction", _NOT_HELD, {"status": DENIED},
        ),
        (
            "GCP.Cloudfunctions.Functions.Create", _FUNCTIONS, "listed", False,
            "v1.CloudFunctionsService.ListFunctions", {"cloudfunctions.functions.list": GRANTED}, {"log": DATA_ACCESS},
        ),
        (
            "GCP.Cloudfunctions.Functions.Update", _FUNCTIONS, "another account", True,
            "v1.CloudFunctionsService.UpdateFunction", {"cloudfunctions.functions.update": GRANTED},
            {"request": {"function": first, "updateMask": "serviceAccountEmail"}},
        ),
        (
            "GCP.Cloudfunctions.Functions.Update", _FUNCTIONS, "seen by another check", True,
            "v1.CloudFunctionsService.UpdateFunction",
            {"cloudfunctions.functions.get": REFUSED, "cloudfunctions.functions.update": GRANTED}, {},
        ),
        (
            "GCP.Cloudfunctions.Functions.Update", _FUNCTIONS, "deleted", False,
            "v1.CloudFunctionsService.DeleteFunction", {"cloudfunctions.functions.delete": GRANTED}, {},
        ),
        (
            "GCP.Cloud.Run.Service.Created", _RUN, "first API", True,
            "v1.Services.CreateService", {"run.services.create": GRANTED}, {"request": {"service": service}},
        ),
        (
            "GCP.Cloud.Run.Service.Created", _RUN, "second API", True,
            "v2.Services.CreateService", {"run.services.create": GRANTED},
            {"request": {"service": {"template": {"serviceAccount": ACCOUNT}}}},
        ),
        (
            "GCP.Cloud.Run.Service.Created", _RUN, "request that was cut", True,
            "v1.Services.CreateService", {"iam.serviceaccounts.actAs": GRANTED, "run.services.create": GRANTED},
            {"request": "..."},
        ),
        (
            "GCP.Cloud.Run.Service.Created", _RUN, "job", False,
            "v1.Jobs.CreateJob", {"run.jobs.create": GRANTED}, {},
        ),
        (
            "GCP.CloudBuild.Potential.Privilege.Escalation", _BUILD, "steps shown", True,
            "CreateBuild", {"cloudbuild.builds.create": GRANTED},
            {"request": {"build": {"steps": [{"name": "gcr.io/cloud-builders/gcloud"}]}}},
        ),
        (
            "GCP.CloudBuild.Potential.Privilege.Escalation", _BUILD, "as another account", True,
            "CreateBuild", {"cloudbuild.builds.create": GRANTED},
            {"request": {"build": {"serviceAccount": f"projects/shop-prod/serviceAccounts/{ACCOUNT}"}}},
        ),
        (
            "GCP.CloudBuild.Potential.Privilege.Escalation", _BUILD, "check that says nothing", False,
            "CreateBuild", {"cloudbuild.builds.create": None}, {},
        ),
        (
            "GCP.Privilege.Escalation.By.Deployments.Create", _DEPLOY, "beta API", True,
            "v2beta.deploymentmanager.deployments.insert", {"deploymentmanager.deployments.create": GRANTED}, {},
        ),
        (
            "GCP.Privilege.Escalation.By.Deployments.Create", _DEPLOY, "check that says nothing", False,
            "v2.deploymentmanager.deployments.insert", {"deploymentmanager.deployments.create": None},
            {"status": DENIED},
        ),
    ):  # fmt: skip
        yield Twin(rule_id, story, expected, entry(api, package + method, checks=checks, **more))
    upsert = deployments("cloudfunctions.functions.upsert", GRANTED)
    yield Twin("GCP.Cloudfunctions.Functions.Update", "deployment that may upsert", False, upsert)

    machine, compute = "GCP.compute.instances.create.Privilege.Escalation", "compute.googleapis.com"
    verbs = (
        "instances.create",
        "disks.create",
        "subnetworks.use",
        "subnetworks.useExternalIp",
        "instances.setMetadata",
    )
    held = {f"compute.{verb}": GRANTED for verb in (*verbs, "instances.setServiceAccount")}
    asked = {"serviceAccounts": [{"email": ACCOUNT, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}]}
    insert = "v1.compute.instances.insert"
    for story, expected, checks, more in (
        ("shown with its account", True, held, {"request": asked}),
        ("checks in another order", True, dict(reversed(held.items())), {"request": asked}),
        ("request that was cut", True, held, {"request": "..."}),
        ("address refused", False, held | {"compute.subnetworks.useExternalIp": REFUSED}, {"request": asked}),
        ("account asked for, not checked", False, dict(list(held.items())[:5]), {"request": asked}),
        (
            "account refused", False, held | {"compute.instances.setServiceAccount": REFUSED},
            {"request": asked, "status": DENIED},
        ),
        ("there already", False, held, {"response": {"error": {"code": 409}}, "status": {"code": 6}}),
        ("answered with an error", False, held, {"request": asked, "response": {"error": {"code": 409}}}),
        ("end of the call", False, None, {"request": {"@type": "type.googleapis.com/compute.instances.insert"}}),
    ):  # fmt: skip
        yield Twin(machine, story, expected, entry(compute, insert, checks=checks, kind="gce_instance", **more))
    deleted = entry(compute, "v1.compute.instances.delete", checks={"compute.instances.delete": GRANTED})
    yield Twin(machine, "deleted", False, deleted)
