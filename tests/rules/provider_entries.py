"""Entries that create and change one identity provider."""

from __future__ import annotations

from typing import Any

from sample_findings import at, written

POOL = "projects/123456789012/locations/global/workloadIdentityPools/delivery"
CONDITION = "assertion.repository_owner == 'example' && assertion.ref == 'refs/heads/main'"
GITHUB = {
    "attributeCondition": CONDITION,
    "attributeMapping": {"google.subject": "assertion.sub"},
    "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
}


def _entry(minutes: float, verb: str, name: str, request: dict[str, Any], code: int) -> dict[str, Any]:
    return {
        "logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": f"{verb}{minutes}",
        "timestamp": written(at(minutes)),
        "severity": "ERROR" if code else "NOTICE",
        "resource": {"type": "audited_resource", "labels": {"project_id": "123456789012"}},
        "operation": {"id": f"op{minutes}", "producer": "iam.googleapis.com", "first": True},
        "protoPayload": {
            "serviceName": "iam.googleapis.com",
            "methodName": f"google.iam.v1.WorkloadIdentityPools.{verb}WorkloadIdentityPoolProvider",
            "resourceName": name,
            "status": {"code": code} if code else {},
            "authenticationInfo": {"principalEmail": "ada@example.com"},
            "request": request,
        },
    }


def created(minutes: float, body: dict[str, Any] = GITHUB) -> dict[str, Any]:
    request = {"parent": POOL, "workloadIdentityPoolProviderId": "github", "workloadIdentityPoolProvider": body}
    return _entry(minutes, "Create", POOL, request, 0)


def updated(minutes: float, body: dict[str, Any], mask: str, code: int = 0) -> dict[str, Any]:
    name = f"{POOL}/providers/github"
    request = {"workloadIdentityPoolProvider": {"name": name, **body}, "updateMask": mask}
    return _entry(minutes, "Update", name, request, code)
