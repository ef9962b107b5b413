"""What the condition of a custom rule sees of an entry: one documented table of typed fields, all always there."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from bindwatch.model.document import Document
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Grant
from bindwatch.rule import Context

_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Field(NamedTuple):
    """One field: its CEL type, what it means, and how it is read. What the entry does not tell is empty, not absent."""

    kind: str
    meaning: str
    read: Callable[[LogEntry, Context], Any]


def _grants(grants: tuple[Grant, ...]) -> list[dict[str, Any]]:
    return [
        {
            "role": grant.role,
            "member": grant.member,
            "kind": grant.principal.kind.value,
            "email": grant.principal.email,
            "domain": grant.principal.domain,
            "project": grant.principal.project,
            "is_public": grant.principal.is_public,
            "condition": grant.condition.expression if grant.condition else "",
        }
        for grant in grants
    ]


GRANT_FIELDS: Final = ("role", "member", "kind", "email", "domain", "project", "is_public", "condition")
AUDIT_FIELDS: Final = ("action", "service", "log_type", "exempted_member")

FIELDS: Final[dict[str, Field]] = {
    "time": Field("timestamp", "When it happened.", lambda e, _: e.time or _NO_TIME),
    "log": Field("string", "`activity`, `data_access`, `system_event` or `policy`.", lambda e, _: e.log),
    "scope": Field("string", "What it was logged in: `projects/p`, `folders/1`.", lambda e, _: e.scope),
    "project": Field("string", "The project id; empty for folders and organizations.", lambda e, _: e.project),
    "service": Field("string", "The API (`iam.googleapis.com`).", lambda e, _: e.service),
    "method": Field("string", "methodName, as the service writes it.", lambda e, _: e.method),
    "caller": Field("string", "The e-mail or subject of who called.", lambda e, _: e.caller_name),
    "caller_kind": Field(
        "string",
        "`user`, `service-account`, `workload`, `federated`, `kubernetes`, …; `redacted` where the log names nobody.",
        lambda e, _: e.caller.kind.value if e.caller else "redacted",
    ),
    "caller_domain": Field("string", "The domain of the e-mail.", lambda e, _: e.caller.domain if e.caller else ""),
    "caller_project": Field(
        "string", "The home project of a service account.", lambda e, _: e.caller.project if e.caller else ""
    ),
    "caller_is_automation": Field("bool", "Named in the settings.", lambda e, c: c.is_automation(e.caller)),
    "caller_is_break_glass": Field("bool", "Named in the settings.", lambda e, c: c.is_break_glass(e.caller)),
    "caller_is_google": Field(
        "bool", "A service agent, which Google runs.", lambda e, _: e.caller is not None and e.caller.is_service_agent
    ),
    "caller_ip": Field("string", "The address, as logged.", lambda e, _: e.caller_ip),
    "user_agent": Field("string", "What the caller says it is.", lambda e, _: e.user_agent),
    "key_name": Field("string", "The service-account key it signed in with.", lambda e, _: e.key_name),
    "impersonators": Field(
        "list of strings", "Who acted through the caller.", lambda e, _: [hop.member for hop in e.impersonators]
    ),
    "delegates": Field("list of strings", "The accounts a mint goes through.", lambda e, _: list(e.delegates)),
    "failed": Field("bool", "Whether the call failed.", lambda e, _: e.failed),
    "denied": Field("bool", "Whether it was refused (PERMISSION_DENIED).", lambda e, _: e.denied),
    "status_code": Field("int", "The google.rpc code, 0 for success.", lambda e, _: e.status_code),
    "status_message": Field("string", "The text of the failure.", lambda e, _: e.status_message),
    "error_reasons": Field("list of strings", "`SERVICE_DISABLED`, …", lambda e, _: sorted(e.error_reasons)),
    "permissions": Field(
        "list of strings", "Permissions that were checked and held.", lambda e, _: sorted(e.granted_permissions)
    ),
    "missing_permissions": Field(
        "list of strings", "Permissions that were checked and not held.", lambda e, _: list(e.missing_permissions)
    ),
    "target": Field("string", "The service account that was acted on or as.", lambda e, _: e.target),
    "resource": Field("string", "The full name of what was acted on (`//…`).", lambda e, _: e.resource),
    "resource_type": Field("string", "The monitored-resource type.", lambda e, _: e.resource_type),
    "resource_labels": Field("map", "The labels of the resource.", lambda e, _: dict(e.resource_labels)),
    "labels": Field("map", "The labels of the entry.", lambda e, _: dict(e.labels.pairs())),
    "grants": Field(
        "list of maps",
        f"Roles that were given, each with {', '.join(f'`{name}`' for name in GRANT_FIELDS)}.",
        lambda e, _: _grants(e.grants),
    ),
    "attempted_grants": Field(
        "list of maps", "The same, also where the call failed.", lambda e, _: _grants(e.attempted_grants)
    ),
    "removed_grants": Field("list of maps", "Roles that were taken away.", lambda e, _: _grants(e.removed_grants)),
    "audit_changes": Field(
        "list of maps",
        f"Changes of audit configs, each with {', '.join(f'`{name}`' for name in AUDIT_FIELDS)}.",
        lambda e, _: [{name: str(getattr(delta, name)) for name in AUDIT_FIELDS} for delta in e.audit_config_deltas],
    ),
    "added_permissions": Field(
        "list of strings", "What a custom role gained.", lambda e, _: list(e.permission_delta.added)
    ),
    "removed_permissions": Field(
        "list of strings", "What a custom role lost.", lambda e, _: list(e.permission_delta.removed)
    ),
    "in_change_window": Field(
        "bool", "Whether a change window of the settings covers it.", lambda e, c: c.in_change_window(e) is True
    ),
}

BODIES: Final[dict[str, Callable[[LogEntry], Document]]] = {
    "request": lambda entry: entry.request,
    "response": lambda entry: entry.response,
    "metadata": lambda entry: entry.metadata,
    "service_data": lambda entry: entry.service_data,
}

FUNCTIONS: Final[dict[str, str]] = {
    "text": "The string at a path of a body, '' where there is none: `text('request.policy.etag')`.",
    "texts": "The list of strings at a path.",
    "number": "The whole number at a path, 0 where there is none.",
    "flag": "Whether the boolean at a path is true.",
    "present": "Whether there is anything at a path.",
}


def functions_of(entry: LogEntry) -> dict[str, Callable[[str], Any]]:
    """The functions that read the bodies of an entry by path. They never fail: what is not there is empty."""

    def at(path: str) -> tuple[Document, str]:
        body, _, rest = path.partition(".")
        read = BODIES.get(body)
        return (read(entry) if read else Document(), rest)

    def text(path: str) -> str:
        document, rest = at(path)
        return document.text(rest)

    def texts(path: str) -> list[str]:
        document, rest = at(path)
        return list(document.texts(rest))

    def number(path: str) -> int:
        document, rest = at(path)
        found = document.number(rest)
        return found if found is not None and abs(found) < 2**63 else 0

    def flag(path: str) -> bool:
        document, rest = at(path)
        return document.flag(rest) is True

    def present(path: str) -> bool:
        document, rest = at(path)
        return document.has(rest) if rest else bool(document)

    return {"text": text, "texts": texts, "number": number, "flag": flag, "present": present}


def tables() -> str:
    """The tables of docs/custom-rules.md."""
    fields = [f"| `entry.{name}` | {field.kind} | {field.meaning} |" for name, field in FIELDS.items()]
    functions = [f"| `{name}(path)` | {meaning} |" for name, meaning in FUNCTIONS.items()]
    return "\n".join(
        [
            "| field | type | what it is |",
            "| --- | --- | --- |",
            *fields,
            "",
            f"The bodies ({', '.join(f'`{name}`' for name in BODIES)}) are read by path:",
            "",
            "| function | what it gives |",
            "| --- | --- |",
            *functions,
        ]
    )
