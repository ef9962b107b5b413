"""IAM allow policies: bindings, conditions, audit configs, and the changes a log entry shows.

What a policy is made of are msgspec structs, not dataclasses: a million members are decoded straight into them, and the
garbage collector need not walk them (`gc=False`; they hold nothing but strings and each other, downwards only). Fields
that are not known here are refused where losing them would lose audit configs: a tolerant reader takes over then.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from bindwatch.model.principal import Principal


class Condition(msgspec.Struct, frozen=True, gc=False):
    """The CEL condition of a binding, as written."""

    expression: str = ""
    title: str = ""
    description: str = ""


DATASET_ROLES: Final = MappingProxyType(
    {
        "OWNER": "roles/bigquery.dataOwner",
        "WRITER": "roles/bigquery.dataEditor",
        "READER": "roles/bigquery.dataViewer",
    }
)
"""The first roles of BigQuery, under their old names in access lists of datasets, and what the API says they equal."""


class Binding(msgspec.Struct, frozen=True, gc=False):
    """One role for some members, under one condition. `members` are the raw strings, in their order."""

    role: str
    members: tuple[str, ...] = ()
    condition: Condition | None = None


class AuditLogConfig(msgspec.Struct, frozen=True, gc=False, rename="camel", forbid_unknown_fields=True):
    """One log type of an audit config, and who is exempt from it."""

    log_type: str
    exempted_members: tuple[str, ...] = ()


class AuditConfig(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Which data-access logs a service writes. `service` is `allServices` or an API name."""

    service: str
    log_configs: tuple[AuditLogConfig, ...] = msgspec.field(default=(), name="auditLogConfigs")


class Policy(msgspec.Struct, frozen=True, gc=False, rename="camel", forbid_unknown_fields=True):
    """The allow policy of one resource."""

    bindings: tuple[Binding, ...] = ()
    audit_configs: tuple[AuditConfig, ...] = ()
    etag: str = ""
    version: int = 1


class DeltaAction(StrEnum):
    """What happened to a binding or an audit config."""

    ADD = "ADD"
    REMOVE = "REMOVE"


class Grant(msgspec.Struct, frozen=True, gc=False):
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
