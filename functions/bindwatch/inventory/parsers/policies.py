"""Allow policies: the tolerant reader of any spelling, and the fast one for lines of an export."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from bindwatch.inventory.builder import InventoryBuilder
from bindwatch.inventory.coverage import Part
from bindwatch.model.policy import AuditConfig, AuditLogConfig, Binding, Condition, Policy
from bindwatch.model.resource import project_of

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


class _SnakeAuditLogConfig(msgspec.Struct, gc=False):
    log_type: str
    exempted_members: tuple[str, ...] = ()


class _SnakeAuditConfig(msgspec.Struct, gc=False):
    service: str
    audit_log_configs: tuple[_SnakeAuditLogConfig, ...] = ()


class _SnakePolicy(msgspec.Struct, gc=False):
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


class _CamelLine(msgspec.Struct, rename="camel", gc=False):
    name: str
    asset_type: str
    iam_policy: Policy
    ancestors: tuple[str, ...] = ()
    update_time: str = ""
    resource: msgspec.Raw = msgspec.Raw()


class _SnakeLine(msgspec.Struct, gc=False):
    name: str
    asset_type: str
    iam_policy: _SnakePolicy
    ancestors: tuple[str, ...] = ()
    update_time: str = ""
    resource: msgspec.Raw = msgspec.Raw()


_CAMEL: Final = msgspec.json.Decoder(_CamelLine)
_SNAKE: Final = msgspec.json.Decoder(_SnakeLine)


def take_policy_lines(chunk: bytes, builder: InventoryBuilder, *, first_line: int = 1) -> list[tuple[int, bytes]]:
    """Take the policy assets out of some whole lines of NDJSON, and give back the lines that are not plainly one.

    The lines that come back, with their numbers, are for `read_inventory_document` or whoever else reads them: they
    are something else, hold more than a policy, or are damaged. About as fast as parsing the JSON at all.
    """
    snake = b'"asset_type"' in chunk
    if snake and (b"auditConfigs" in chunk or b"iamPolicy" in chunk or b'"assetType"' in chunk):
        return _line_by_line(chunk, builder, first_line)
    if not snake and (b"audit_configs" in chunk or b"audit_log_configs" in chunk or b"iam_policy" in chunk):
        return _line_by_line(chunk, builder, first_line)
    try:
        lines: list[Any] = (_SNAKE if snake else _CAMEL).decode_lines(chunk)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _line_by_line(chunk, builder, first_line)
    if any(line.resource for line in lines):
        return _line_by_line(chunk, builder, first_line)
    _add(lines, builder)
    return []


def _line_by_line(chunk: bytes, builder: InventoryBuilder, first_line: int) -> list[tuple[int, bytes]]:
    rest = []
    taken = []
    for number, line in enumerate(chunk.split(b"\n"), first_line):
        found = _one(line) if b"olicy" in line else None
        if found is not None and not found.resource:
            taken.append(found)
        elif line.strip():
            rest.append((number, line))
    _add(taken, builder)
    return rest


def _one(line: bytes) -> _CamelLine | _SnakeLine | None:
    snake = b'"asset_type"' in line
    foreign = (b"auditConfigs", b"auditLogConfigs") if snake else (b"audit_configs", b"audit_log_configs")
    if any(word in line for word in foreign):
        return None
    try:
        return _SNAKE.decode(line) if snake else _CAMEL.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _add(lines: list[Any], builder: InventoryBuilder) -> None:
    chains: set[tuple[str, ...]] = set()
    for line in lines:
        name, policy, chain = line.name, line.iam_policy, line.ancestors
        if chain:
            chains.add(chain)
            builder.add_ancestors(name, chain)
        else:
            builder.saw_exported("iam-policy", Part.POLICIES, project_of(name))
        builder.add_policy(
            name,
            policy if isinstance(policy, Policy) else policy.policy(),
            asset_type=line.asset_type,
            update_time=line.update_time,
        )
    for chain in chains:
        builder.saw_exported("iam-policy", Part.POLICIES, project_of(chain[0]))
