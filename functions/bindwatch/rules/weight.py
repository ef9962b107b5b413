"""How much an act weighs when it is done by those whose job it is, and how a resource is named on the command line."""

from bindwatch.model.finding import Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context


def is_routine(entry: LogEntry, context: Context) -> bool:
    """Whether Google's own agents made the call, or the automation that the settings name."""
    caller = entry.caller
    return caller is not None and (caller.is_service_agent or context.is_automation(caller))


def weighed(severity: Severity, entry: LogEntry, context: Context) -> Severity:
    """The severity of a change, at most LOW where it is routine: kept for the record, alarming nobody."""
    return min(severity, Severity.LOW) if is_routine(entry, context) else severity


def is_second_half(entry: LogEntry) -> bool:
    """Whether this is the closing entry of a long-running operation, whose first entry showed the request already."""
    return entry.operation.last and not entry.operation.first


def scope_flag(name: str) -> str:
    """The gcloud flag for the container of a relative resource name (`projects/p/sinks/s` is `--project=p`)."""
    container, _, rest = name.partition("/")
    flag = {
        "projects": "project",
        "folders": "folder",
        "organizations": "organization",
        "billingAccounts": "billing-account",
    }.get(container)
    return f"--{flag}={rest.partition('/')[0]}" if flag and rest else ""


def scope_flags(name: str) -> tuple[str, ...]:
    """The same as a part of an argument list: empty where the name has no container."""
    flag = scope_flag(name)
    return (flag,) if flag else ()
