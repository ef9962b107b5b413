"""What a twin is, and the entries twins are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

GRANTED, REFUSED = True, False
PERSON: Final = "ada@example.com"
PIPELINE: Final = "deploy@shop-prod.iam.gserviceaccount.com"
DENIED: Final = {"code": 7, "message": "PERMISSION_DENIED"}
ACCOUNT: Final = "build@shop-prod.iam.gserviceaccount.com"
KEYED: Final = {
    "principalEmail": ACCOUNT,
    "principalSubject": f"serviceAccount:{ACCOUNT}",
    "serviceAccountKeyName": f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{ACCOUNT}/keys/a37",
}


ORGANIZATION: Final = {
    "kind": "organization",
    "labels": {"organization_id": "123456789012"},
    "log": "organizations/123456789012/logs/cloudaudit.googleapis.com%2Factivity",
}
DATA_ACCESS: Final = "projects/shop-prod/logs/cloudaudit.googleapis.com%2Fdata_access"


@dataclass(frozen=True)
class Twin:
    """One entry, the rule of theirs it is about, and whether that rule fires on it."""

    rule_id: str
    story: str
    expected: bool
    entry: dict[str, Any]


def entry(
    service: str,
    method: str,
    who: str | dict[str, Any] = PERSON,
    *,
    checks: dict[str, bool | None] | None = None,
    kind: str = "audited_resource",
    labels: dict[str, str] | None = None,
    log: str = "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
    ip: str = "198.51.100.7",
    agent: str = "Mozilla/5.0",
    **payload: Any,
) -> dict[str, Any]:
    """An entry; of the payload what is not given is left out, as others leave it out.

    A check that is None does not say whether it was granted: that is how IAM writes one that was not.
    """
    said: dict[str, Any] = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {"principalEmail": who} if isinstance(who, str) else who,
        "requestMetadata": {"callerIp": ip, "callerSuppliedUserAgent": agent},
        "serviceName": service,
        "methodName": method,
        **payload,
    }
    if checks is not None:
        said["authorizationInfo"] = [
            {"permission": name} | ({} if held is None else {"granted": held}) for name, held in checks.items()
        ]
    failed = (payload.get("status") or {}).get("code", 0) != 0
    return {
        "insertId": "abc123",
        "logName": log,
        "protoPayload": {key: value for key, value in said.items() if value not in ("", None)},
        "resource": {"type": kind, "labels": {"project_id": "shop-prod"} if labels is None else labels},
        "severity": "ERROR" if failed else "NOTICE",
        "timestamp": "2026-11-03T09:14:05.113482Z",
    }


def deployments(permission: str, granted: bool) -> dict[str, Any]:
    """A deployment that took a permission of another API."""
    return entry(
        "deploymentmanager.googleapis.com",
        "v2.deploymentmanager.deployments.insert",
        {},
        checks={permission: granted},
        kind="deployment",
    )


def policy(*changes: tuple[str, str, str], who: str | dict[str, Any] = PERSON, **more: Any) -> dict[str, Any]:
    """A write of a policy, of the project where nothing else is said, with what it changed."""
    deltas = [{"action": action, "role": role, "member": member} for action, role, member in changes]
    said = {"service": "cloudresourcemanager.googleapis.com", "method": "SetIamPolicy", "kind": "project"} | more
    said.setdefault("resourceName", "projects/shop-prod")
    return entry(who=who, serviceData={"policyDelta": {"bindingDeltas": deltas}}, status={}, **said)
