"""Rules for Privileged Access Manager: who may borrow a role, and who lets them."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Remediation, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.update_mask import UpdateMask, mask_of
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.methods import activity
from bindwatch.rules.weight import is_second_half, scope_flags, weighed

_PAM: Final = "privilegedaccessmanager.googleapis.com"
_MANAGER: Final = "google.cloud.privilegedaccessmanager.v1*.PrivilegedAccessManager."
_STRONG_ROLES: Final = frozenset(
    {
        "roles/owner",
        "roles/editor",
        "roles/iam.securityAdmin",
        "roles/iam.organizationRoleAdmin",
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.serviceAccountAdmin",
        "roles/iam.serviceAccountKeyAdmin",
        "roles/resourcemanager.organizationAdmin",
        "roles/resourcemanager.folderAdmin",
        "roles/resourcemanager.projectIamAdmin",
        "roles/orgpolicy.policyAdmin",
    }
)


def _short(name: str) -> str:
    return name.rpartition("/")[2]


@log_rule(
    "entitlement-widened",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=activity(_PAM, _MANAGER + "CreateEntitlement", _MANAGER + "UpdateEntitlement"),
    techniques=["T1098.003"],
)
def entitlement_widened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An entitlement to borrow a role was created or changed so that nobody need approve it, or more may ask.

    ## Why it matters
    An entitlement without approval is a standing grant that its holders switch on themselves. For a role that may
    grant roles, an hour is enough to stay.

    ## What to do
    Require an approver who is not among the requesters, a justification, and hours rather than days.

    ## Known false positives
    Entitlements for people on call. Name the automation that manages them in the settings.

    ## Blind spots
    The entry shows the entitlement after the change; the settings before are not in it.
    """
    if is_second_half(entry):
        return
    entitlement = entry.request.document("entitlement")
    if not entitlement:
        return
    name = _short(entry.request.text("entitlementId") or entitlement.text("name") or entry.raw_resource_name)
    mask = mask_of(entry.request)
    roles = [item.text("role") for item in entitlement.documents("privilegedAccess.gcpIamAccess.roleBindings")]
    strong = sorted(_STRONG_ROLES.intersection(roles))
    for what in _weaknesses(entitlement, mask):
        severity = Severity.HIGH if strong else Severity.MEDIUM
        yield Match(
            subject=f"entitlement {name}: {what}",
            title=f"The entitlement {name} to {', '.join(roles) or 'its roles'} {what}",
            severity=weighed(severity, entry, context),
        )


def _weaknesses(entitlement: Document, mask: UpdateMask) -> Iterator[str]:
    if (not mask.paths or mask.names("approvalWorkflow")) and not entitlement.has("approvalWorkflow"):
        yield "needs nobody's approval"
    users = [text for item in entitlement.documents("eligibleUsers") for text in item.texts("principals")]
    everyone = [text for text in users if text.startswith(("domain:", "allUsers", "allAuthenticatedUsers"))]
    if everyone:
        yield f"may be asked for by {', '.join(everyone)}"
    approvers = {
        text
        for step in entitlement.documents("approvalWorkflow.manualApprovals.steps")
        for item in step.documents("approvers")
        for text in item.texts("principals")
    }
    if users and approvers and approvers.issubset(users):
        yield "is approved by those who ask for it"
    seconds = entitlement.text("maxRequestDuration").removesuffix("s").partition(".")[0]
    if seconds.isdigit() and int(seconds) > 24 * 3600:
        yield f"may be held for {int(seconds) // 3600} hours"


@log_rule(
    "privileged-grant-self-approved",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(_PAM, _MANAGER + "ApproveGrant"),
    techniques=["T1098.003", "T1548"],
)
def privileged_grant_self_approved(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody approved their own request for a privileged role.

    ## Why it matters
    The second pair of eyes was the first. One account in the wrong hands is all it took.

    ## What to do
    Revoke the grant, and change the entitlement so that requesters cannot approve.

    ## Known false positives
    None are known: the service refuses it in most set-ups, so an entry means a group of its own making.

    ## Blind spots
    Two accounts of one person are two people here.
    """
    requester = entry.response.text("requester") or entry.request.text("grant.requester")
    caller = entry.caller
    if not requester or caller is None or requester.lower() != (caller.email or entry.caller_name).lower():
        return
    name = entry.request.text("name") or entry.raw_resource_name
    yield Match(
        subject=f"grant {_short(name)}",
        title=f"{entry.caller_name} approved their own request for {_roles(entry) or 'a privileged role'}",
        severity=weighed(Severity.HIGH, entry, context),
        remediation=_revoked(name),
    )


@log_rule(
    "privileged-grant-requested",
    Severity.INFO,
    Category.THREAT,
    methods=activity(_PAM, _MANAGER + "CreateGrant"),
    techniques=["T1548"],
)
def privileged_grant_requested(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """Somebody asked to borrow a privileged role.

    ## Why it matters
    A record of who became powerful when and for what stated reason, beside what they then did.

    ## What to do
    Nothing, unless the reason is missing or the time is odd.

    ## Known false positives
    All of them, by design: hence INFO, and LOW where the role may grant roles and no approval was needed.

    ## Blind spots
    Whether it was approved shows in the answer, which not every entry has.
    """
    name = entry.response.text("name") or entry.raw_resource_name
    reason = entry.request.text("grant.justification.unstructuredJustification")
    active = entry.response.text("state") in ("ACTIVATING", "ACTIVE", "SCHEDULED")
    yield Match(
        subject=f"{entry.caller_name} at {_entitlement(name)}",
        title=f"{entry.caller_name} asked for {_roles(entry) or 'the roles of ' + _entitlement(name)}"
        + (f": {' '.join(reason.split())[:120]}" if reason else ", without a reason"),
        severity=Severity.LOW if active and not reason else Severity.INFO,
        remediation=_revoked(name) if active else None,
    )


def _entitlement(name: str) -> str:
    words = name.split("/")
    return words[words.index("entitlements") + 1] if "entitlements" in words[:-1] else "an entitlement"


def _roles(entry: LogEntry) -> str:
    bindings = entry.response.documents("privilegedAccess.gcpIamAccess.roleBindings")
    return ", ".join(item.text("role") for item in bindings if item.text("role"))


def _revoked(name: str) -> Remediation | None:
    words = name.split("/")
    if "entitlements" not in words[:-1] or "grants" not in words[:-1]:
        return None
    where = f"--location={words[words.index('locations') + 1]}" if "locations" in words[:-1] else "--location=global"
    entitlement = f"--entitlement={_entitlement(name)}"
    argv = ("gcloud", "pam", "grants", "revoke", _short(name), entitlement, where, *scope_flags(name))
    return remedy("Revoke the grant", Run(argv), risk="The holder loses the role at once")


@log_rule(
    "entitlement-deleted",
    Severity.LOW,
    Category.HYGIENE,
    methods=activity(_PAM, _MANAGER + "DeleteEntitlement"),
    techniques=["T1531"],
)
def entitlement_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An entitlement to borrow a role was deleted.

    ## Why it matters
    People on call lose the way to act in an emergency; the next step is often a standing grant instead.

    ## What to do
    Create it again where it is still needed.

    ## Known false positives
    Tidying up.

    ## Blind spots
    None beyond those of Admin Activity logs.
    """
    if is_second_half(entry):
        return
    name = _short(entry.request.text("name") or entry.raw_resource_name)
    yield Match(
        subject=f"entitlement {name}",
        title=f"The entitlement {name} was deleted by {entry.caller_name}",
        severity=weighed(Severity.LOW, entry, context),
    )


RULES: Final = (
    entitlement_widened,
    privileged_grant_self_approved,
    privileged_grant_requested,
    entitlement_deleted,
)
