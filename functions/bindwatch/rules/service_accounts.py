"""Rules on the life of service accounts: made, changed, disabled, deleted, brought back."""

from collections.abc import Iterator

from bindwatch.model.change import SetServiceAccountEnabled, UndeleteServiceAccount, remedy
from bindwatch.model.finding import Category, Remediation, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.resource import service_account_name
from bindwatch.model.update_mask import mask_of
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.callers import is_expected, is_outsider, is_person
from bindwatch.rules.methods import IAM, activity
from bindwatch.rules.standing import reach_of_account


def _made(entry: LogEntry) -> str:
    return (entry.response.text("email") or entry.target or entry.request.text("account_id")).lower()


def _resource_of(entry: LogEntry, email: str) -> str:
    return service_account_name(email, entry.project) if "@" in email else entry.resource


@log_rule(
    "service-account-created",
    Severity.INFO,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.CreateServiceAccount"),
    techniques=["T1136.003"],
    equivalents=[
        "sigma:gcp_service_account_modified",
        "elastic:persistence_gcp_service_account_created",
        "stratus:gcp.persistence.create-admin-service-account",
        "falco:GCP IAM service account created",
        "sentinel:GCPIAMNewServiceAccount",
    ],
)
def service_account_created(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was created.

    ## Why it matters
    A new identity that no person owns. By itself it can do nothing; with a role given soon after it is a way to stay,
    which a window rule puts together.

    ## What to do
    Nothing, if a pipeline made it. Otherwise see that it has an owner, a purpose and no key.

    ## Known false positives
    Every new workload. It is INFO, and not reported for named automation or Google's own agents.

    ## Blind spots
    Default service accounts that Google makes name no caller.
    """
    if entry.caller is None or is_expected(entry.caller, context) or is_person(entry.caller):
        return
    email = _made(entry)
    yield Match(
        subject=email,
        title=f"Service account {email} was created by {entry.caller_name}",
        resource_name=_resource_of(entry, email),
        remediation=_disabling(email, entry.project),
    )


@log_rule(
    "service-account-created-by-person",
    Severity.LOW,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.CreateServiceAccount"),
    techniques=["T1136.003"],
    equivalents=[
        "panther:GCP.Service.Account.or.Keys.Created",
        "csa:2.30",
        "elastic:persistence_gcp_service_account_created",
        "stratus:gcp.persistence.create-admin-service-account",
        "falco:GCP IAM service account created",
        "sentinel:GCPIAMNewServiceAccount",
    ],
)
def service_account_created_by_person(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was created by hand.

    ## Why it matters
    Where pipelines make the accounts, one made by hand escapes review, naming and clean-up; an intruder with a person's
    session makes one to outlive it.

    ## What to do
    Ask who made it. If nobody answers for it, disable it: that ends its tokens too.

    ## Known false positives
    Teams that work in the console. From outside the organization it is HIGH.

    ## Blind spots
    Accounts made by a pipeline on somebody's behalf: see `service-account-created`.
    """
    if not is_person(entry.caller):
        return
    email = _made(entry)
    yield Match(
        subject=email,
        title=f"{entry.caller_name} created service account {email} by hand",
        resource_name=_resource_of(entry, email),
        severity=Severity.HIGH if is_outsider(entry.caller, context) else Severity.LOW,
        remediation=_disabling(email, entry.project),
    )


def _disabling(email: str, project: str) -> Remediation | None:
    if "@" not in email:
        return None
    return remedy(
        f"Disable {email} until somebody answers for it",
        SetServiceAccountEnabled(email, False, project),
        risk="Whatever runs as the account fails at once.",
    )


@log_rule(
    "service-account-deleted",
    Severity.LOW,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.DeleteServiceAccount"),
    techniques=["T1531"],
    equivalents=[
        "sigma:gcp_service_account_disabled_or_deleted",
        "elastic:impact_gcp_service_account_deleted",
        "falco:GCP IAM service account deleted",
        "sentinel:GCPIAMDeletedServiceAccounts",
    ],
)
def service_account_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was deleted.

    ## Why it matters
    What runs as it stops working when its tokens end. An account made again under the same name is another identity:
    the old bindings do not hold for it, although they read the same.

    ## What to do
    If it was a mistake, restore it within 30 days by its unique id; do not make a new one.

    ## Known false positives
    Decommissioning. MEDIUM only where the inventory shows workloads that are bound to it.

    ## Blind spots
    Without an inventory nothing is known of what used it.
    """
    email = entry.target
    users = _bound_workloads(email, context)
    if is_expected(entry.caller, context) and not users:
        return
    unique_id = entry.resource_labels.get("unique_id", "") or entry.raw_resource_name.rpartition("/")[2]
    yield Match(
        subject=email,
        title=f"Service account {email} was deleted by {entry.caller_name}",
        severity=Severity.MEDIUM if users else Severity.LOW,
        notes=_users_note(users),
        remediation=remedy(
            f"Restore {email} within 30 days, with its bindings",
            UndeleteServiceAccount(unique_id, email, entry.project),
        )
        if unique_id.isdigit()
        else None,
    )


@log_rule(
    "service-account-disabled",
    Severity.LOW,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.DisableServiceAccount"),
    techniques=["T1531"],
    equivalents=[
        "sigma:gcp_service_account_disabled_or_deleted",
        "elastic:impact_gcp_service_account_disabled",
        "sentinel:GCPIAMDisabledServiceAccounts",
    ],
)
def service_account_disabled(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was disabled.

    ## Why it matters
    Every token it has is rejected at once, so everything that runs as it fails, in a way that looks like a missing
    binding.

    ## What to do
    If it was a mistake, enable it again; nothing else was lost.

    ## Known false positives
    The answer to an incident, or the last step of a rotation. MEDIUM where the inventory shows workloads bound to it.

    ## Blind spots
    Without an inventory nothing is known of what used it.
    """
    email = entry.target
    users = _bound_workloads(email, context)
    if is_expected(entry.caller, context) and not users:
        return
    yield Match(
        subject=email,
        title=f"Service account {email} was disabled by {entry.caller_name}",
        severity=Severity.MEDIUM if users else Severity.LOW,
        notes=_users_note(users),
        remediation=remedy(f"Enable {email} again", SetServiceAccountEnabled(email, True, entry.project))
        if email
        else None,
    )


def _bound_workloads(email: str, context: Context) -> tuple[str, ...]:
    if context.inventory is None or not email:
        return ()
    policy = context.inventory.policy(context.inventory.service_account_name(email))
    if policy is None:
        return ()
    members = [member for binding in policy.bindings for member in binding.members if ".svc.id.goog" in member]
    return tuple(dict.fromkeys(members))


def _users_note(users: tuple[str, ...]) -> tuple[str, ...]:
    return (f"Workloads bound to it: {', '.join(users[:5])}",) if users else ()


@log_rule(
    "service-account-revived",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.EnableServiceAccount", "google.iam.admin.v1.UndeleteServiceAccount"),
    techniques=["T1098"],
    equivalents=["sigma:gcp_service_account_modified"],
)
def service_account_revived(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A disabled or deleted service account was brought back.

    ## Why it matters
    Its old roles and keys work again, without a single change of a policy. Accounts that nobody watches any more make
    good hiding places.

    ## What to do
    See who did it and why it was off. If nobody answers for it, disable it again.

    ## Known false positives
    Mistakes put right. LOW for named automation, and for an account that holds nothing, where an inventory tells.

    ## Blind spots
    Why it was disabled is not logged.
    """
    email = entry.target
    reach = reach_of_account(email, context)
    if is_expected(entry.caller, context):
        severity = Severity.LOW
    elif reach:
        severity = Severity.HIGH
    else:
        known = context.inventory is not None and bool(context.inventory.grants_of(f"serviceAccount:{email}"))
        severity = Severity.MEDIUM if known or context.inventory is None else Severity.LOW
    how = "restored" if "Undelete" in entry.method else "enabled again"
    yield Match(
        subject=f"{how} {email}",
        title=f"Service account {email} was {how} by {entry.caller_name}",
        severity=severity,
        notes=(f"It holds {', '.join(reach)}.",) if reach else (),
        remediation=_disabling(email, entry.project),
    )


@log_rule(
    "service-account-changed",
    Severity.INFO,
    Category.THREAT,
    methods=activity(IAM, "google.iam.admin.v1.PatchServiceAccount", "google.iam.admin.v1.UpdateServiceAccount"),
    techniques=["T1098"],
    equivalents=["sigma:gcp_service_account_modified", "falco:GCP IAM service account modified"],
)
def service_account_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The name or description of a service account was changed.

    ## Why it matters
    It gives nobody anything, but a new name can make an account look like one of Google's.

    ## What to do
    Nothing, if it was planned.

    ## Known false positives
    All of them, nearly. It is INFO, and not reported for named automation.

    ## Blind spots
    The old name is not logged.
    """
    if is_expected(entry.caller, context):
        return
    yield Match(
        subject=f"{entry.target} {' '.join(sorted(mask_of(entry.request).paths))}".strip(),
        title=f"Service account {entry.target} was renamed or described anew by {entry.caller_name}",
    )


RULES = (
    service_account_created,
    service_account_created_by_person,
    service_account_deleted,
    service_account_disabled,
    service_account_revived,
    service_account_changed,
)
