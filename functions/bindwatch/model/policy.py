"""IAM allow policies: bindings, conditions, audit configs, and the changes a log entry shows."""

from dataclasses import dataclass
from enum import StrEnum

from bindwatch.model.principal import Principal


@dataclass(frozen=True, slots=True)
class Condition:
    """The CEL condition of a binding, as written."""

    expression: str
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """One role for some members, under one condition. `members` are the raw strings, in their order."""

    role: str
    members: tuple[str, ...]
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class AuditLogConfig:
    """One log type of an audit config, and who is exempt from it."""

    log_type: str
    exempted_members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """Which data-access logs a service writes. `service` is `allServices` or an API name."""

    service: str
    log_configs: tuple[AuditLogConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """The allow policy of one resource."""

    bindings: tuple[Binding, ...] = ()
    audit_configs: tuple[AuditConfig, ...] = ()
    etag: str = ""
    version: int = 1


class DeltaAction(StrEnum):
    """What happened to a binding or an audit config."""

    ADD = "ADD"
    REMOVE = "REMOVE"


@dataclass(frozen=True, slots=True)
class Grant:
    """One role given to (or taken from) one principal; `member` is the string as written."""

    role: str
    member: str
    principal: Principal
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class AuditConfigDelta:
    """One change of the data-access log settings."""

    action: DeltaAction
    service: str
    log_type: str = ""
    exempted_member: str = ""


@dataclass(frozen=True, slots=True)
class PermissionDelta:
    """The permissions a custom role gained and lost."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
