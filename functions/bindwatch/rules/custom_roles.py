"""Rules on custom roles: what they gain, and when they come and go."""

from collections.abc import Iterator
from typing import Final

from bindwatch.knowledge.escalation import Level, risk_of, satisfied
from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import Category, Confidence, Remediation, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.update_mask import mask_of
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.callers import is_expected
from bindwatch.rules.grant_risk import TAKEOVER
from bindwatch.rules.methods import DEPLOYMENTS, IAM, activity
from bindwatch.rules.object_state import UNKNOWN_BEFORE, role_change, role_name


@log_rule(
    "custom-role-gained-danger",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=activity(IAM, "google.iam.admin.v1.CreateRole", "google.iam.admin.v1.UpdateRole"),
    techniques=["T1098.003"],
    equivalents=["scc:IAM_ANOMALOUS_GRANT"],
)
def custom_role_gained_danger(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A custom role gained permissions that lead to more than they say.

    ## Why it matters
    Everybody who holds the role has them at once; no policy changes, so nobody is told. Widening a role one holds is a
    quiet way up.

    ## What to do
    Take the permissions out of the role again, or give them in a role of their own to whoever needs them.

    ## Known false positives
    Roles made on purpose for administrators. Named automation is MEDIUM at the most.

    ## Blind spots
    Who holds the role is in the policies, not in this entry. An update without a delta is compared with what the role
    held before, as an audit or an earlier entry tells; where nothing tells, all that it now holds is judged.
    """
    before, after = role_change(entry)
    if not after or (before is not None and after <= before):
        return
    role = role_name(entry)
    level = Level.ORGANIZATION if role.startswith("organizations/") else Level.PROJECT
    held = satisfied(risk_of(before), level) if before else ()
    paths = [path for path in satisfied(risk_of(after), level) if path not in held]
    if not paths:
        return
    worst = max(paths, key=lambda path: path.weight)
    severity = Severity.HIGH if worst.cls in TAKEOVER and worst.weight >= 0.5 else Severity.MEDIUM
    if worst.weight < 0.45:
        severity = Severity.LOW
    if is_expected(entry.caller, context):
        severity = min(severity, Severity.MEDIUM)
    dangerous = sorted({permission for path in paths for permission in path.permissions})
    yield Match(
        subject=f"{role} {' '.join(dangerous)}",
        title=f"Custom role {role} now holds {', '.join(dangerous[:3])}{' and more' if len(dangerous) > 3 else ''}",
        severity=severity,
        confidence=Confidence.MEDIUM if before is None else Confidence.HIGH,
        notes=(
            *(f"{' + '.join(path.permissions)}: {path.why}" for path in paths[:5]),
            *((UNKNOWN_BEFORE,) if before is None else ()),
        ),
        remediation=without(role, [item for item in dangerous if before is None or item not in before]),
    )


def without(role: str, permissions: list[str]) -> Remediation | None:
    """The way out of permissions a custom role should not have; None where the role is no custom one."""
    container, found, name = role.partition("/roles/")
    kind, _, parent = container.partition("/")
    if not found or kind not in ("projects", "organizations"):
        return None
    where = f"--{kind.removesuffix('s')}={parent}"
    listed = ",".join(permissions)
    update = ("gcloud", "iam", "roles", "update", name, where)
    return remedy(
        f"Take the permissions out of {role}",
        Run((*update, f"--remove-permissions={listed}"), (*update, f"--add-permissions={listed}")),
        risk="Whoever holds the role and uses them loses them.",
    )


@log_rule(
    "custom-role-created",
    Severity.INFO,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.CreateRole"),
    techniques=["T1098.003"],
    equivalents=[
        "panther:GCP.IAM.CustomRoleChanges",
        "elastic:initial_access_gcp_iam_custom_role_creation",
        "falco:GCP IAM custom role created",
        "sentinel:GCPIAMNewCustomRoles",
        "cis:2.6",
    ],
)
def custom_role_created(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A custom role was created.

    ## Why it matters
    A role can hold anything under a harmless name. What it holds is judged by `custom-role-gained-danger`; this line is
    for the timeline.

    ## What to do
    Nothing, if it was planned.

    ## Known false positives
    Every new role. It is INFO.

    ## Blind spots
    None known.
    """
    role = role_name(entry)
    yield Match(subject=f"created {role}", title=f"Custom role {role} was created by {entry.caller_name}")


@log_rule(
    "custom-role-updated",
    Severity.LOW,
    Category.THREAT,
    methods=(*activity(IAM, "google.iam.admin.v1.UpdateRole"), *DEPLOYMENTS),
    techniques=["T1098.003", "T1548"],
    equivalents=[
        "panther:GCP.IAM.CustomRoleChanges",
        "panther:GCP.iam.roles.update.Privilege.Escalation",
        "falco:GCP IAM custom role modified",
        "sentinel:GCPIAMChangedRoles",
        "cis:2.6",
    ],
)
def custom_role_updated(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A custom role was changed.

    ## Why it matters
    `iam.roles.update` on a role one holds is a way up. Where roles are kept as code, a change from elsewhere deserves a
    look even if what it added seems harmless.

    ## What to do
    Compare the role with its source. What it gained is judged by `custom-role-gained-danger`.

    ## Known false positives
    Administrators who keep roles in the console. INFO for named automation, and where nothing was added.

    ## Blind spots
    Whether the caller holds the role is not in the entry. What the role holds now may not be either (deployments, and
    entries that were cut short): then it is LOW, and says so.
    """
    if (entry.permissions or entry.service != IAM) and "iam.roles.update" not in entry.granted_permissions:
        return
    role = role_name(entry)
    before, after = role_change(entry)
    unseen = after is None and not _leaves_permissions(entry)
    added, removed = sorted((after or set()) - (before or set())), sorted((before or set()) - (after or set()))
    quiet = is_expected(entry.caller, context) or not (added or unseen)
    if unseen:
        change = "The entry does not show what it holds now."
    elif before is None and after is not None:
        change = f"It now holds {len(added)} permissions. {UNKNOWN_BEFORE}"
    else:
        change = f"{len(added)} permissions added, {len(removed)} removed."
    yield Match(
        subject=f"{entry.caller_key} changed {role}",
        title=f"{entry.caller_name} changed custom role {role}"
        if entry.service == IAM
        else f"{entry.caller_name} changed custom roles through {role or 'a deployment'}",
        severity=Severity.INFO if quiet else Severity.LOW,
        notes=(change, *((f"Added: {', '.join(added[:20])}",) if added and before is not None else ())),
    )


def _leaves_permissions(entry: LogEntry) -> bool:
    """Whether the request shows that it is about something else: the title of the role, its stage."""
    mask, body = mask_of(entry.request), entry.request.document("role")
    if mask:
        return not (mask.whole or mask.names("includedPermissions"))
    return not _OF_EVERY_ROLE.issuperset(body.keys())


_OF_EVERY_ROLE: Final = frozenset({"name", "etag"})


@log_rule(
    "custom-role-deleted",
    Severity.LOW,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.DeleteRole"),
    techniques=["T1531"],
    equivalents=["panther:GCP.IAM.CustomRoleChanges", "elastic:impact_gcp_iam_role_deletion", "cis:2.6"],
)
def custom_role_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A custom role was deleted.

    ## Why it matters
    Its members lose what it gave them at once, although their bindings stay; and whoever restores it within seven days
    gives it all back without a change of any policy.

    ## What to do
    If something broke, restore it. If it was planned, remove its bindings too.

    ## Known false positives
    Clean-ups. INFO for named automation.

    ## Blind spots
    Who held the role is in the policies, not in this entry.
    """
    role = role_name(entry)
    container, _, name = role.partition("/roles/")
    kind, _, parent = container.partition("/")
    where = f"--{kind.removesuffix('s')}={parent}"
    verbs = ("gcloud", "iam", "roles")
    yield Match(
        subject=f"deleted {role}",
        title=f"Custom role {role} was deleted by {entry.caller_name}",
        severity=Severity.INFO if is_expected(entry.caller, context) else Severity.LOW,
        remediation=remedy(
            f"Restore {role} within seven days",
            Run((*verbs, "undelete", name, where), (*verbs, "delete", name, where)),
        )
        if name and parent
        else None,
    )


@log_rule(
    "custom-role-revived",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.UndeleteRole"),
    techniques=["T1098.003"],
)
def custom_role_revived(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A deleted custom role was brought back.

    ## Why it matters
    Its bindings were never removed: everybody who held it holds it again, and no policy shows a change.

    ## What to do
    Look at what the role holds and at who is bound to it. Delete it again if nobody answers for it.

    ## Known false positives
    A role deleted by mistake. Named automation is LOW.

    ## Blind spots
    What the role holds is not in the entry; the catalogue or an inventory tells.
    """
    role = role_name(entry)
    risk = context.catalogue.risk(role)
    level = Level.ORGANIZATION if role.startswith("organizations/") else Level.PROJECT
    paths = satisfied(risk, level) if risk is not None else ()
    dangerous = any(path.cls in TAKEOVER for path in paths)
    yield Match(
        subject=f"{entry.caller_key} {role}",
        title=f"{entry.caller_name} brought deleted custom role {role} back",
        severity=Severity.LOW
        if is_expected(entry.caller, context)
        else Severity.HIGH
        if dangerous
        else Severity.MEDIUM,
        notes=tuple(f"{' + '.join(path.permissions)}: {path.why}" for path in paths[:3])
        or ("What the role holds is not known.",),
    )


RULES = (
    custom_role_gained_danger,
    custom_role_created,
    custom_role_updated,
    custom_role_deleted,
    custom_role_revived,
)
