"""Writes audit log entries as Cloud Logging emits them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from generate.fleet import ORGANIZATION, Account, Project

Json = dict[str, Any]

TERRAFORM_AGENT = (
    "google-api-go-client/0.5 Terraform/1.9.8 (+https://www.terraform.io) Terraform-Plugin-SDK/2.36.0 "
    "terraform-provider-google/6.38.0,gzip(gfe)"
)
METADATA_SERVER_AGENT = "google-api-go-client/0.5 gke-metadata-server,gzip(gfe)"
CONSOLE_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36,gzip(gfe)"
)
GCLOUD_AGENT = (
    "google-cloud-sdk gcloud/545.0.0 command/gcloud.{command} invocation-id/{invocation} environment/None "
    "environment-version/None client-os/LINUX client-os-ver/6.12.0 client-pltf-arch/x86_64 interactive/True "
    "from-script/False python/3.13.7 term/xterm-256color,gzip(gfe)"
)
PYTHON_AGENT = "gcloud-python/3.4.1 gl-python/3.13.7 grpc/1.76.0 gax/2.28.1 gccl/3.4.1,gzip(gfe)"

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where, with what."""

    email: str | None = None
    subject: str | None = None
    ip: str | None = "gce-internal-ip"
    agent: str | None = PYTHON_AGENT
    key: str | None = None
    delegation: tuple[Json, ...] = ()

    @property
    def authentication(self) -> Json:
        """The entry's `authenticationInfo`."""
        info: Json = {}
        if self.email is not None:
            info["principalEmail"] = self.email
        if self.key is not None:
            info["serviceAccountKeyName"] = self.key
        if self.delegation:
            info["serviceAccountDelegationInfo"] = list(self.delegation)
        if self.subject is not None:
            info["principalSubject"] = self.subject
        return info


def person(email: str, ip: str = "203.0.113.24", agent: str = CONSOLE_AGENT) -> Caller:
    """A person at a browser or a terminal."""
    return Caller(email=email, subject=f"user:{email}", ip=ip, agent=agent)


def service(
    account: Account | str, ip: str = "gce-internal-ip", agent: str | None = PYTHON_AGENT, **rest: Any
) -> Caller:
    """A service account, Google's own among them."""
    email = account if isinstance(account, str) else account.email
    return Caller(email=email, subject=f"serviceAccount:{email}", ip=ip, agent=agent, **rest)


@dataclass(frozen=True, slots=True)
class Check:
    """One permission the called service looked up."""

    permission: str
    resource: str = ""
    kind: str = "ADMIN_WRITE"
    granted: bool = True
    attributes: Json = field(default_factory=dict)

    @property
    def json(self) -> Json:
        """An element of `authorizationInfo`; what is false is left out, as proto3 JSON does."""
        info: Json = {"resource": self.resource} if self.resource else {}
        info["permission"] = self.permission
        if self.granted:
            info["granted"] = True
        return {**info, "resourceAttributes": self.attributes, "permissionType": self.kind}


def key_name(account: Account, key: str) -> str:
    """How a log names the key that signed a caller's token."""
    return f"//iam.googleapis.com/projects/{account.project.id}/serviceAccounts/{account.email}/keys/{key}"


class Scribe:
    """Keeps the clock and the dice, and knows the envelope that all entries share."""

    def __init__(self, seed: int, start: datetime, mean_gap: timedelta) -> None:
        self.rng = random.Random(seed)
        self.now = start
        self._mean_gap = mean_gap

    def pass_time(self) -> None:
        """Let a random while go by before the next entry."""
        self.now += self._mean_gap * self.rng.expovariate(1.0)

    def token(self, length: int) -> str:
        """Random letters and digits."""
        return "".join(self.rng.choices(ALPHABET, k=length))

    def etag(self) -> str:
        """A policy's etag."""
        return f"Bw{self.token(9)}="

    def gcloud(self, command: str) -> str:
        """The user agent of a gcloud command."""
        return GCLOUD_AGENT.format(command=command, invocation=self.token(32))

    def time(self, moment: datetime) -> str:
        """RFC 3339 with nine digits, in UTC."""
        return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}{self.rng.randrange(1000):03d}Z"

    def operation(self, producer: str) -> Json:
        """The `operation` of a call that is over when it returns."""
        return {
            "id": f"{self.rng.randrange(10**19)}",
            "producer": producer,
            "first": True,
            "last": True,
        }

    def write(
        self,
        service_name: str,
        method: str,
        caller: Caller,
        *,
        place: Project | str,
        resource: Json,
        resource_name: str = "",
        checks: tuple[Check, ...] = (),
        log: str = "activity",
        status: Json | None = None,
        severity: str | None = None,
        labels: Json | None = None,
        operation: Json | None = None,
        **payload: Any,
    ) -> Json:
        """One entry, now. `place` is what holds the log: a project, or the full name of a folder or organization."""
        failed = bool((status or {}).get("code"))
        parent = f"projects/{place.id}" if isinstance(place, Project) else place
        body: Json = {"@type": "type.googleapis.com/google.cloud.audit.AuditLog"}
        if status is not None:
            body["status"] = status
        body["authenticationInfo"] = caller.authentication
        if caller.ip is not None:
            body["requestMetadata"] = {
                "callerIp": caller.ip,
                **({"callerSuppliedUserAgent": caller.agent} if caller.agent else {}),
                "requestAttributes": {"time": self.time(self.now + timedelta(milliseconds=7)), "auth": {}},
                "destinationAttributes": {},
            }
        body["serviceName"] = service_name
        body["methodName"] = method
        if checks:
            body["authorizationInfo"] = [check.json for check in checks]
        if resource_name:
            body["resourceName"] = resource_name
        body.update(payload)
        entry: Json = {
            "protoPayload": body,
            "insertId": ("-" if self.rng.random() < 0.2 else "") + self.token(self.rng.randrange(11, 15)),
            "resource": resource,
            "timestamp": self.time(self.now),
            "severity": severity or ("ERROR" if failed else "INFO" if log == "data_access" else "NOTICE"),
        }
        if labels:
            entry["labels"] = labels
        entry["logName"] = f"{parent}/logs/cloudaudit.googleapis.com%2F{log}"
        if operation:
            entry["operation"] = operation
        lag = timedelta(seconds=min(self.rng.lognormvariate(-0.2, 1.1), 20))
        entry["receiveTimestamp"] = self.time(self.now + lag)
        return entry


def audited_resource(service_name: str, method: str, project: Project) -> Json:
    """The resource of services that have none of their own."""
    return {
        "type": "audited_resource",
        "labels": {"service": service_name, "method": method, "project_id": project.id},
    }


def account_resource(account: Account) -> Json:
    """The resource of calls about a service account: the only place that names it by address."""
    labels = {"email_id": account.email, "unique_id": account.unique_id, "project_id": account.project.id}
    return {"type": "service_account", "labels": labels}


def organization_resource() -> Json:
    """The resource of calls about the organization."""
    return {"type": "organization", "labels": {"organization_id": ORGANIZATION}}


DENIED: Json = {"code": 7, "message": "PERMISSION_DENIED"}
