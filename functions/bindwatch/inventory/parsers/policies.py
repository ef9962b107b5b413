"""Allow policies: the tolerant reader of any spelling, and the fast one for lines of an export."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from bindwatch.inventory.builder import InventoryBuilder
from bindwatch.inventory.contents import PolicyAsset
from bindwatch.model.policy import AuditConfig, AuditLogConfig, Binding, Condition, Policy

Report = Callable[[str, str], None]

# The enum of google.iam.v1.AuditLogConfig, which some exports write as numbers.
_LOG_TYPES: Final = {1: "ADMIN_READ", 2: "DATA_WRITE", 3: "DATA_READ"}


def ignore(field: str, problem: str) -> None:
    """Report to nobody."""


def parse_policy(value: object, report: Report = ignore) -> Policy:
    """The allow policy in a JSON value, camel or snake case; what is not one is reported and left out."""
    if not isinstance(value, dict):
        report("policy", f"expected an object, not {_kind(value)}")
        return Policy()
    bindings = []
    for item in _list(value.get("bindings"), "bindings", report):
        binding = _binding(item, report)
        if binding is not None:
            bindings.append(binding)
    configs = value.get("auditConfigs", value.get("audit_configs"))
    audits = [config for item in _list(configs, "auditConfigs", report) if (config := _audit_config(item, report))]
    etag, version = value.get("etag"), value.get("version")
    return Policy(
        bindings=tuple(bindings),
        audit_configs=tuple(audits),
        etag=etag if isinstance(etag, str) else "",
        version=version if isinstance(version, int) and not isinstance(version, bool) else 1,
    )


def _binding(item: object, report: Report) -> Binding | None:
    if not isinstance(item, dict):
        report("bindings", f"expected an object, not {_kind(item)}")
        return None
    role = item.get("role")
    if not isinstance(role, str) or not role:
        report("bindings.role", "expected the name of a role")
        return None
    return Binding(
        role, _members(item.get("members"), "bindings.members", report), parse_condition(item.get("condition"))
    )


def _members(value: object, field: str, report: Report) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    items = _list(value, field, report)
    members = tuple(member for member in items if isinstance(member, str))
    if len(members) != len(items):
        report(field, "expected strings")
    return members


def parse_condition(value: object) -> Condition | None:
    """A condition, None where there is none."""
    if not isinstance(value, dict):
        return None
    words = (value.get(name) for name in ("expression", "title", "description"))
    return Condition(*(word if isinstance(word, str) else "" for word in words))


def _audit_config(item: object, report: Report) -> AuditConfig | None:
    if not isinstance(item, dict) or not isinstance(item.get("service"), str):
        report("auditConfigs", "expected an object with a service")
        return None
    logs = []
    for log in _list(item.get("auditLogConfigs", item.get("audit_log_configs")), "auditLogConfigs", report):
        if not isinstance(log, dict):
            report("auditLogConfigs", f"expected an object, not {_kind(log)}")
            continue
        kind = log.get("logType", log.get("log_type"))
        name = kind if isinstance(kind, str) else _LOG_TYPES.get(kind, "") if isinstance(kind, int) else ""
        if not name:
            report("auditLogConfigs.logType", "expected ADMIN_READ, DATA_READ or DATA_WRITE")
            continue
        exempted = log.get("exemptedMembers", log.get("exempted_members"))
        logs.append(AuditLogConfig(name, _members(exempted, "exemptedMembers", report)))
    return AuditConfig(item["service"], tuple(logs))


def _list(value: object, field: str, report: Report) -> list[Any]:
    if isinstance(value, list):
        return value
    if value is not None:
        report(field, f"expected a list, not {_kind(value)}")
    return []


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


class _SnakeAuditLogConfig(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    log_type: str
    exempted_members: tuple[str, ...] = ()


class _SnakeAuditConfig(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    service: str
    audit_log_configs: tuple[_SnakeAuditLogConfig, ...] = ()


class _SnakePolicy(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    bindings: tuple[Binding, ...] = ()
    audit_configs: tuple[_SnakeAuditConfig, ...] = ()
    etag: str = ""
    version: int = 1

    def policy(self) -> Policy:
        audits = tuple(
            AuditConfig(
                config.service,
                tuple(AuditLogConfig(log.log_type, log.exempted_members) for log in config.audit_log_configs),
            )
            for config in self.audit_configs
        )
        return Policy(self.bindings, audits, self.etag, self.version)


class _SnakeLine(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str
    asset_type: str
    iam_policy: _SnakePolicy
    ancestors: tuple[str, ...] = ()
    update_time: str = ""

    def asset(self) -> PolicyAsset:
        return PolicyAsset(self.name, self.asset_type, self.iam_policy.policy(), self.ancestors, self.update_time)


_CAMEL: Final = msgspec.json.Decoder(PolicyAsset)
_SNAKE: Final = msgspec.json.Decoder(_SnakeLine)
_REFUSED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def take_policy_lines(chunk: bytes, builder: InventoryBuilder, *, first_line: int = 1) -> list[tuple[int, bytes]]:
    """Take the policy assets out of some whole lines of NDJSON, and give back the lines that are not plainly one.

    The lines that come back, with their numbers, are for `read_inventory_document` or whoever else reads them: they
    are something else, hold more than a policy, or are damaged. A chunk of a megabyte or so costs least.
    """
    try:
        if b'"asset_type"' in chunk[:4096]:
            assets = [line.asset() for line in _SNAKE.decode_lines(chunk)]
        else:
            assets = _CAMEL.decode_lines(chunk)
    except _REFUSED:
        return _line_by_line(chunk, builder, first_line)
    builder.add_policy_assets(assets)
    return []


def _line_by_line(chunk: bytes, builder: InventoryBuilder, first_line: int) -> list[tuple[int, bytes]]:
    rest = []
    assets = []
    for number, line in enumerate(chunk.split(b"\n"), first_line):
        found = _one(line) if b"olicy" in line else None
        if found is not None:
            assets.append(found)
        elif line.strip():
            rest.append((number, line))
    builder.add_policy_assets(assets)
    return rest


def _one(line: bytes) -> PolicyAsset | None:
    try:
        return _CAMEL.decode(line) if b'"assetType"' in line else _SNAKE.decode(line).asset()
    except _REFUSED:
        return None
