"""Rules for organization policies: guard-rails taken down, and calls that ran into one."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import ANY_METHOD, Context, Match, Outcome, log_rule
from bindwatch.rules.methods import CRM, activity
from bindwatch.rules.object_state import UNKNOWN_BEFORE
from bindwatch.rules.responses import right_taken
from bindwatch.rules.weight import scope_flags, weighed

_ORG_POLICY: Final = "orgpolicy.googleapis.com"
_V2: Final = "google.cloud.orgpolicy.v2.OrgPolicy."
# The constraints that decide who can become whom, in their legacy and managed spellings.
_IDENTITY_CONSTRAINTS: Final = frozenset(
    {
        "iam.allowedPolicyMemberDomains",
        "iam.managed.allowedPolicyMembers",
        "iam.disableServiceAccountKeyCreation",
        "iam.managed.disableServiceAccountKeyCreation",
        "iam.disableServiceAccountKeyUpload",
        "iam.managed.disableServiceAccountKeyUpload",
        "iam.managed.disableServiceAccountApiKeyCreation",
        "iam.disableServiceAccountCreation",
        "iam.managed.disableServiceAccountCreation",
        "iam.disableCrossProjectServiceAccountUsage",
        "iam.disableWorkloadIdentityClusterCreation",
        "iam.automaticIamGrantsForDefaultServiceAccounts",
        "iam.managed.preventPrivilegedBasicRolesForDefaultServiceAccounts",
        "iam.allowServiceAccountCredentialLifetimeExtension",
        "iam.serviceAccountKeyExpiryHours",
        "iam.serviceAccountKeyExposureResponse",
        "iam.workloadIdentityPoolProviders",
        "iam.workloadIdentityPoolAwsAccounts",
        "iam.restrictCrossProjectServiceAccountLienRemoval",
        "essentialcontacts.allowedContactDomains",
        "storage.publicAccessPrevention",
        "storage.uniformBucketLevelAccess",
        "gcp.restrictServiceUsage",
        "gcp.detailedAuditLoggingMode",
    }
)
# List constraints that are safe by being empty or denied; an allowed value opens something.
_OPENS_WITH_VALUES: Final = frozenset(
    {
        "iam.allowServiceAccountCredentialLifetimeExtension",
        "iam.workloadIdentityPoolProviders",
        "iam.workloadIdentityPoolAwsAccounts",
        "iam.allowedPolicyMemberDomains",
    }
)


def _constraint(entry: LogEntry) -> str:
    request = entry.request
    for text in (
        request.text("policy.name"),
        request.text("name"),
        request.text("policy.constraint"),
        request.text("constraint"),
        entry.raw_resource_name,
    ):
        _, found, name = text.rpartition("/policies/")
        if found:
            return name
        if text.startswith("constraints/"):
            return text.removeprefix("constraints/")
    return ""


def _is_identity(constraint: str) -> bool:
    return constraint in _IDENTITY_CONSTRAINTS or constraint.startswith("iam.")


@log_rule(
    "organization-policy-weakened",
    Severity.HIGH,
    Category.THREAT,
    methods=(
        *activity(_ORG_POLICY, *(_V2 + verb for verb in ("CreatePolicy", "UpdatePolicy", "DeletePolicy"))),
        *activity(CRM, "*SetOrgPolicy", "*ClearOrgPolicy"),
    ),
    techniques=["T1562", "T1098"],
    equivalents=[
        "panther:GCP.Privileged.Operation",
        "scc:PROJECT_HTTP_POLICY_BLOCK_DISABLED",
        "secops:gcp_iam_organization_policy_updated_or_deleted",
        "sentinel:GCPOrgPolicyDeletion",
    ],
)
def organization_policy_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An organization policy was deleted or relaxed.

    ## Why it matters
    Organization policies hold against owners too. Whoever lifts the one on keys, member domains or identity providers
    can create what IAM alone would let a project owner create: long-lived keys, grants to outsiders, trust in a
    foreign issuer.

    ## What to do
    Set the policy back with the command of the finding, then look at what was created in between: keys, grants and
    providers made while the policy was down stay.

    ## Known false positives
    A planned exception for one project. Name the automation that manages policies in the settings.

    ## Blind spots
    The entry shows the new policy only. Lists are compared with what an audit or an earlier entry told; where nothing
    did, a rule is known as weaker where it allows everything, enforces nothing or opens a list that is safe when empty.
    """
    constraint = _constraint(entry)
    verb = entry.method.rpartition(".")[2]
    what, is_weaker = _change(entry, verb, constraint)
    if not what:
        return
    identity = _is_identity(constraint)
    severity = (Severity.HIGH if identity else Severity.MEDIUM) if is_weaker else Severity.LOW
    unknown = what.startswith("now allows ") and entry.before is None and "everything" not in what
    yield Match(
        confidence=Confidence.MEDIUM if unknown else Confidence.HIGH,
        notes=(UNKNOWN_BEFORE,) if unknown else (),
        subject=f"constraint {constraint or 'unknown'}",
        title=f"The organization policy {constraint or entry.raw_resource_name} {what} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
        remediation=remedy(
            "Enforce the constraint again",
            Run(("gcloud", "resource-manager", "org-policies", "enable-enforce", constraint, *_flags(entry))),
            risk="Only for boolean constraints; a list goes back with gcloud org-policies set-policy",
        )
        if is_weaker and constraint
        else None,
    )


def _flags(entry: LogEntry) -> tuple[str, ...]:
    return scope_flags(entry.raw_resource_name if "/" in entry.raw_resource_name else entry.scope)


def _change(entry: LogEntry, verb: str, constraint: str) -> tuple[str, bool]:
    if verb in ("DeletePolicy", "ClearOrgPolicy"):
        return "was deleted", True
    policy = entry.request.document("policy")
    spec = policy.document("spec")
    if not spec and policy.has("dryRunSpec"):
        return "", False
    if spec.flag("reset") or policy.has("restoreDefault"):
        return "was reset to Google's default", True
    rules = spec.documents("rules") or ((policy,) if policy else ())
    enforced = [_enforces(rule) for rule in rules]
    if any(value is True for value in enforced) and not any(value is False for value in enforced):
        return "", False
    if any(value is False for value in enforced):
        return "no longer enforces anything" if len(rules) == 1 else "has a rule that enforces nothing", True
    if any(_allows_all(rule) for rule in rules):
        return "now allows everything", True
    opened, before = [value for rule in rules for value in _allowed(rule)], entry.before or {}
    if "allowed" in before:
        opened = [value for value in opened if before["allowed"] and value not in before["allowed"].split()]
        kept = {value for rule in rules for value in rule.texts("values.deniedValues")}
        if let_in := [value for value in before["denied"].split() if value not in kept]:
            return f"no longer denies {', '.join(let_in[:5])}", True
    if opened and (constraint in _OPENS_WITH_VALUES or "allowed" in before):
        return f"now allows {', '.join(opened[:5])}", True
    return ("was changed", False) if rules else ("has no rules any more", True)


def _enforces(rule: Document) -> bool | None:
    enforce = rule.flag("enforce")
    if enforce is not None:
        return enforce
    if rule.has("booleanPolicy"):  # proto3 JSON leaves `enforced: false` out
        return bool(rule.flag("booleanPolicy.enforced"))
    return True if rule.flag("denyAll") or rule.text("listPolicy.allValues") == "DENY" else None


def _allows_all(rule: Document) -> bool:
    return bool(rule.flag("allowAll")) or rule.text("listPolicy.allValues") == "ALLOW"


def _allowed(rule: Document) -> tuple[str, ...]:
    return rule.texts("values.allowedValues") or rule.texts("listPolicy.allowedValues")


@log_rule(
    "organization-constraint-removed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(_ORG_POLICY, _V2 + "DeleteCustomConstraint", _V2 + "UpdateCustomConstraint"),
    techniques=["T1562"],
    equivalents=["secops:gcp_iam_organization_policy_updated_or_deleted"],
)
def organization_constraint_removed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A custom constraint of the organization was deleted or rewritten.

    ## Why it matters
    Every policy that names the constraint stays in place and means something else, or nothing.

    ## What to do
    Compare the condition with the one in code and set it back.

    ## Known false positives
    Maintenance of constraints from code: name that automation in the settings.

    ## Blind spots
    The old condition is not in the entry.
    """
    name = (
        entry.request.text("customConstraint.name") or entry.request.text("name") or entry.raw_resource_name
    ).rpartition("/")[2]
    deleted = entry.method.endswith("DeleteCustomConstraint")
    condition = entry.request.text("customConstraint.condition")
    yield Match(
        subject=f"custom constraint {name}",
        title=f"The custom constraint {name} was " + ("deleted" if deleted else f"changed to: {condition}"),
        severity=weighed(Severity.MEDIUM, entry, context),
    )


@log_rule(
    "organization-policy-refused",
    Severity.LOW,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.FAILED,
    techniques=["T1098.001", "T1098.003"],
)
def organization_policy_refused(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An organization policy refused what the caller had the permission to do.

    ## Why it matters
    Somebody with the right to create keys, grant outsiders or trust an issuer tried, and the guard-rail alone stopped
    it. The right is still there, and so is the intent.

    ## What to do
    Ask what it was for. Offer Workload Identity instead of a key, a group of yours instead of an outsider.

    ## Known false positives
    Developers who follow an old tutorial; tools that try and fall back.

    ## Blind spots
    Dry-run policies refuse nothing and are not shown here.
    """
    for constraint in _refused_by(entry):
        if _is_identity(constraint):
            yield Match(
                subject=f"{constraint}: {entry.caller_key}",
                title=f"{constraint} refused {entry.method.rpartition('.')[2]} by {entry.caller_name}",
                remediation=right_taken(
                    min(entry.granted_permissions, default=""),
                    entry.resource,
                    entry,
                    context,
                    "Where the caller should not have the right at all",
                ),
            )


# What IAM says of a member of a foreign domain, with details or without.
_FOREIGN_CUSTOMER: Final = "do not belong to a permitted customer"


def _refused_by(entry: LogEntry) -> tuple[str, ...]:
    found = [item.text("type") for item in entry.violations]
    info = entry.policy_violation_info.documents("orgPolicyViolationInfo.violationInfo")
    found += [item.text("constraint") for item in info]
    if not found and _FOREIGN_CUSTOMER in entry.status_message:
        found = ["constraints/iam.allowedPolicyMemberDomains"]
    names = (text.removeprefix("constraints/") for text in found if "constraints/" in text or "." in text)
    return tuple(dict.fromkeys(names))


RULES: Final = (organization_policy_weakened, organization_constraint_removed, organization_policy_refused)
