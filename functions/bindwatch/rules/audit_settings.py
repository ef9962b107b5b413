"""Rules for the Data Access audit settings: what no longer leaves a trace, and who no longer does."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from bindwatch.model.change import remedy
from bindwatch.model.cloud_change import EndLogExemption, LogDataAccess
from bindwatch.model.finding import Category, Remediation, Severity, State
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import AuditConfigDelta, DeltaAction
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.methods import PROJECT_POLICY
from bindwatch.rules.weight import weighed

# Their ADMIN_READ entries are the only trace of minted tokens and exchanged identities.
_IDENTITY_SERVICES: Final = frozenset({"allservices", "iam.googleapis.com", "sts.googleapis.com"})


def _changes_audit_logs(entry: LogEntry, _context: Context) -> bool:
    return bool(entry.audit_config_deltas)


@log_rule(
    "audit-logging-removed",
    Severity.HIGH,
    Category.BLIND_SPOT,
    methods=PROJECT_POLICY,
    guard=_changes_audit_logs,
    techniques=["T1562.008"],
    equivalents=[
        "stratus:gcp.defense-evasion.disable-audit-logs",
        "secops:gcp_cloud_audit_logging_removed_from_all_services",
        "sentinel:GCPIAMDisableDataAccessLogging",
        "cis:2.5",
    ],
)
def audit_logging_removed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Data Access audit logs were switched off for a service.

    ## Why it matters
    Reads, minted tokens and exchanged identities leave a trace only in Data Access logs. Without ADMIN_READ on
    iam.googleapis.com nobody sees who becomes which service account; without it on sts.googleapis.com nobody sees
    which outside identity came in.

    ## What to do
    Switch the log type on again, at the organization where possible, so that a project owner cannot take it away.

    ## Known false positives
    Cost work on chatty services: services without an identity weigh less. A policy that an organization sets anyway
    stays in force whatever a project removes.

    ## Blind spots
    The entry is about one resource; whether a parent still switches the log on, an audit of the inventory tells.
    """
    for delta in entry.audit_config_deltas:
        if delta.exempted_member or not delta.service:
            continue
        log_type = delta.log_type or "every log type"
        subject = f"{delta.service} {log_type}"
        if delta.action is DeltaAction.ADD:
            yield Match(
                subject=subject,
                title=f"{log_type} audit logs of {delta.service} were switched on again",
                state=State.RESOLVED,
            )
            continue
        severity = Severity.HIGH if delta.service.lower() in _IDENTITY_SERVICES else Severity.MEDIUM
        yield Match(
            subject=subject,
            title=f"{log_type} audit logs of {delta.service} were switched off by {entry.caller_name}",
            severity=weighed(severity, entry, context),
            remediation=_switched_on(entry, delta),
        )


@log_rule(
    "audit-log-exemption",
    Severity.MEDIUM,
    Category.BLIND_SPOT,
    methods=PROJECT_POLICY,
    guard=_changes_audit_logs,
    techniques=["T1562.008"],
    equivalents=[
        "secops:gcp_exempt_principals_from_audit_log",
        "sentinel:GCPDataAccessLoggingExemption",
    ],
)
def audit_log_exemption(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A principal was exempted from Data Access audit logs.

    ## Why it matters
    What an exempted principal reads, mints or exchanges leaves no trace, and the log still looks complete.

    ## What to do
    Remove the exemption. Where an exemption saves the cost of a chatty workload, exempt it from that one service and
    never from iam.googleapis.com, sts.googleapis.com or allServices.

    ## Known false positives
    Exempting a backup or scanner account from a storage service: it weighs less than one from an identity service.

    ## Blind spots
    Exemptions of a parent add to those of a project and show in the parent's log only.
    """
    for delta in entry.audit_config_deltas:
        if not delta.exempted_member:
            continue
        subject = f"{delta.service} {delta.exempted_member}"
        if delta.action is DeltaAction.REMOVE:
            yield Match(
                subject=subject,
                title=f"{delta.exempted_member} is no longer exempt from audit logs",
                state=State.RESOLVED,
            )
            continue
        severity = Severity.HIGH if delta.service.lower() in _IDENTITY_SERVICES else Severity.MEDIUM
        yield Match(
            subject=subject,
            title=f"{delta.exempted_member} no longer leaves {delta.log_type or 'any'} audit logs of {delta.service}",
            severity=weighed(severity, entry, context),
            remediation=_switched_on(entry, delta),
        )


def _switched_on(entry: LogEntry, delta: AuditConfigDelta) -> Remediation:
    kind, _, name = entry.scope.partition("/")
    block, argument = {
        "folders": ("google_folder_iam_audit_config", "folder"),
        "organizations": ("google_organization_iam_audit_config", "org_id"),
    }.get(kind, ("google_project_iam_audit_config", "project"))
    types = (delta.log_type,) if delta.log_type else ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
    configs = "".join(f'\n  audit_log_config {{\n    log_type = "{_quoted(name)}"\n  }}' for name in types)
    terraform = (
        f'resource "{block}" "{_label(delta.service)}" {{\n'
        f'  {argument} = "{_quoted(name)}"\n  service = "{_quoted(delta.service)}"{configs}\n}}'
    )
    scope = f"//cloudresourcemanager.googleapis.com/{entry.scope}"
    return remedy(
        f"In the auditConfigs of {entry.scope}, log {', '.join(types)} of {delta.service} without exempted members",
        EndLogExemption(scope, delta.service, delta.exempted_member)
        if delta.exempted_member
        else LogDataAccess(scope, delta.service, types),
        risk="The Terraform resource replaces all log types of the service: name the others there too",
        terraform=terraform,
    )


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char not in '"\\$%')


@lru_cache(maxsize=1024)
def _label(service: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in service)


RULES: Final = (audit_logging_removed, audit_log_exemption)
