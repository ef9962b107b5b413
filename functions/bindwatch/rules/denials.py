"""Rules on refusals that are no attack: a workload that cannot become, or cannot reach, what it is meant to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bindwatch.diagnosis.link import BROKEN, broken_resource, broken_subject
from bindwatch.inventory import Part
from bindwatch.knowledge.escalation import dangerous_bits
from bindwatch.model.change import AddBinding, EnableService, SetServiceAccountEnabled, remedy
from bindwatch.model.finding import Category, Confidence, Remediation, Severity, State
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Grant
from bindwatch.model.principal import Principal, PrincipalKind, parse_member, parse_subject
from bindwatch.model.resource import display
from bindwatch.rule import ANY_METHOD, Context, Match, Outcome, Rule, WindowRow, log_rule, over_time_of
from bindwatch.rules.grant_risk import role_risk
from bindwatch.rules.methods import CREDENTIALS, MINT, STS, data_access
from bindwatch.rules.minting import is_workload_identity

WORKLOAD_IDENTITY_USER: Final = "roles/iam.workloadIdentityUser"
_PERIMETER: Final = "VPC_SERVICE_CONTROLS"
_NOT_FOUND, _QUOTA, _PRECONDITION, _DENIED = 5, 8, 9, 7


@dataclass(frozen=True, slots=True)
class _Cause:
    id: str
    sure: Confidence
    words: str
    deciding: str = ""
    others: tuple[str, ...] = ()
    """What it may be instead, likeliest first, each with what would show it."""


@log_rule(
    BROKEN,
    Severity.HIGH,
    Category.BROKEN_BINDING,
    methods=(*MINT, *data_access(STS, "*", log_type="ADMIN_READ"), ANY_METHOD),
    outcome=Outcome.FAILED,
)
def workload_identity_broken(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A workload was refused the service account it wants to be, or the resource it wants to reach.

    ## Why it matters
    It does not do its work. The message it prints is the same for a dozen causes, so people try one fix after the
    other, and the widest of them stays.

    ## What to do
    Follow the cause named here. Where only the log was at hand it is the likeliest one: `bindwatch diagnose` with the
    cluster's objects and the account's policy tells which it is, and the exact command.

    ## Known false positives
    A binding made minutes ago takes effect within about seven minutes. A pod that tries accounts which are not meant
    for it is refused too: look at whether the pair makes sense before granting anything.

    ## Blind spots
    What fails before it reaches IAM (metadata server, network, DNS, a missing annotation) leaves no entry: only the
    inventory shows it. The finding ends when the same workload gets the same target with a permission it was refused;
    reads that succeed are only seen where Data Access logs are on.
    """
    workload = _workload(entry)
    if workload is None:
        return
    if entry.service == CREDENTIALS:
        yield from _mint_refused(entry, workload, context)
    elif entry.service == STS:
        yield from _exchange_refused(entry, workload)
    elif entry.denied:
        yield from _call_refused(entry, workload, context)


def _workload(entry: LogEntry) -> Principal | None:
    """The workload that called, or that called through a service account; None for everybody else."""
    if entry.service == STS:
        mapped = parse_subject(entry.metadata.text("mapped_principal") or entry.metadata.text("mappedPrincipal"))
        return mapped if mapped is not None and mapped.is_workload else None
    caller = entry.caller
    if is_workload_identity(caller):
        return caller
    if caller is not None and caller.kind is PrincipalKind.SERVICE_ACCOUNT and not caller.is_service_agent:
        return next((hop for hop in entry.delegation if is_workload_identity(hop)), None)
    return None


def _mint_refused(entry: LogEntry, workload: Principal, context: Context) -> Iterator[Match]:
    email = entry.target
    if not email:
        return
    cause = _certain_cause(entry) or _cause_of_refusal(entry, workload, email, context)
    if cause is None:
        return
    yield _match(entry, workload, email, cause, _fix(cause, workload, email, entry.project))


def _exchange_refused(entry: LogEntry, workload: Principal) -> Iterator[Match]:
    cause = _certain_cause(entry)
    if cause is not None:
        yield _match(entry, workload, "//sts.googleapis.com", cause, None)


def _call_refused(entry: LogEntry, workload: Principal, context: Context) -> Iterator[Match]:
    target = _without_version(entry.resource)
    if not target.startswith("//"):
        return
    caller = entry.caller
    direct = caller is workload
    cause = _certain_cause(entry)
    if cause is None:
        missing = ", ".join(entry.missing_permissions) or "a permission the entry does not name"
        who = "The workload itself" if direct else f"{caller.email if caller else 'The account'}, which it became,"
        cause = _Cause(
            "direct-grant-missing" if direct else "target-role-missing",
            Confidence.MEDIUM,
            f"{who} lacks {missing} on {display(target)}.",
            f"The policies over {display(target)}",
            _OTHERS_OF_CALL,
        )
    yield _match(entry, workload, target, cause, None)


def _without_version(resource: str) -> str:
    return resource.partition("/versions/")[0]


def _match(entry: LogEntry, workload: Principal, target: str, cause: _Cause, fix: Remediation | None) -> Match:
    wanted = target if "@" in target else display(target)
    verb = "become" if "@" in target else "reach"
    said = entry.status_message
    return Match(
        subject=broken_subject(workload, target),
        title=f"{workload.legacy_member or workload.member} cannot {verb} {wanted}",
        resource_name=broken_resource(target, entry.project),
        principal=workload.identity,
        confidence=cause.sure,
        cause=cause.id,
        ruled_out=_PASSED if workload.is_workload else (),
        notes=tuple(
            text
            for text in (
                cause.words,
                f"Refused: {', '.join(entry.missing_permissions)}." if entry.missing_permissions else "",
                f"What would decide: {cause.deciding}." if cause.deciding else "",
                f"Then come, in this order: {'; '.join(cause.others)}." if cause.others else "",
                f"The log says: {said}" if said else "",
            )
            if text
        ),
        remediation=fix,
    )


def _certain_cause(entry: LogEntry) -> _Cause | None:
    """What the entry alone proves."""
    if "SERVICE_DISABLED" in entry.error_reasons:
        return _Cause("iamcredentials-api-disabled", Confidence.HIGH, "The API is switched off in the project.")
    kinds = {item.text("type") for item in entry.violations}
    if _PERIMETER in kinds or entry.log == "policy":
        return _Cause("vpc-sc-blocked", Confidence.HIGH, "A VPC Service Controls perimeter refused the call.")
    if any(kind.startswith("constraints/") for kind in kinds):
        return _Cause("org-policy-blocked", Confidence.HIGH, f"An organization policy refused: {', '.join(kinds)}.")
    if entry.status_code == _QUOTA:
        return _Cause("token-quota-exceeded", Confidence.HIGH, "The quota of tokens is used up.")
    if entry.service == CREDENTIALS and entry.status_code == _NOT_FOUND:
        return _Cause("gsa-not-found", Confidence.HIGH, "There is no such service account.", "whether it was deleted")
    if entry.service == CREDENTIALS and entry.status_code == _PRECONDITION:
        return _Cause("gsa-disabled", Confidence.MEDIUM, "The service account is disabled, or cannot be minted for.")
    return None


_MINTS: Final = dangerous_bits()["iam.serviceAccounts.getAccessToken"]
_LIKELY: Final = "The likeliest cause of such a refusal: the account's policy has no binding for the workload."
_OTHERS: Final = (
    "pool-of-another-project or member-malformed: the policy spells its project, namespace or name differently",
    "role-cannot-mint: the policy gives the workload a role without iam.serviceAccounts.getAccessToken",
    "gsa-not-found, gsa-recreated or gsa-disabled: the account says so, or its policy names a deleted member",
    "condition-not-met: the binding has a condition",
    "deny-policy or principal-access-boundary: one above the account refuses in the same words",
    "propagation-delay: the binding is younger than about seven minutes",
)
_OTHERS_OF_CALL: Final = (
    "condition-not-met: the grant is there and has a condition",
    "deny-policy or principal-access-boundary: one above the target refuses in the same words",
    "propagation-delay: the grant is younger than about seven minutes",
)
# What a refusal that names the workload proves: its token reached IAM, so everything on the way there works.
_PASSED: Final = (
    "workload-identity-disabled",
    "node-pool-not-gke-metadata",
    "host-network",
    "network-policy-blocks-metadata",
    "node-cannot-reach-token-service",
    "dns-cannot-resolve-metadata",
    "metadata-startup-race",
)


def _cause_of_refusal(entry: LogEntry, workload: Principal, email: str, context: Context) -> _Cause | None:
    """The cause of a refusal for want of a permission, from what the inventory knows of the account."""
    if not entry.denied:
        return None
    inventory = context.inventory
    deciding = (
        f"`gcloud iam service-accounts get-iam-policy {email}`, `gcloud iam service-accounts describe {email}`, and "
        "the deny policies above it"
    )
    likeliest = _Cause("binding-missing", Confidence.LOW, _LIKELY, deciding, _OTHERS)
    if inventory is None:
        return likeliest
    resource = inventory.service_account_name(email)
    account = inventory.service_account(email)
    if account is None and inventory.has(Part.SERVICE_ACCOUNTS, resource):
        return _Cause("gsa-not-found", Confidence.HIGH, f"There is no service account {email}.")
    if account is not None and account.disabled:
        return _Cause("gsa-disabled", Confidence.HIGH, f"{email} is disabled.")
    policies = inventory.policies_over(resource)
    if not policies:
        return likeliest
    grants = [
        Grant(binding.role, member, parse_member(member), binding.condition)
        for _, policy in policies
        for binding in policy.bindings
        for member in binding.members
    ]
    own = [grant for grant in grants if _covers(grant.principal, workload)]
    minting = [grant for grant in own if (role_risk(grant.role, context) or 0) & _MINTS]
    if any(grant.condition is None for grant in minting):
        return _Cause(
            "deny-policy",
            Confidence.LOW,
            f"{minting[0].role} is granted, so something above it refuses, or the grant is too young to be in effect.",
            "deny policies and access boundaries over the account, and the age of the binding",
        )
    if minting and minting[0].condition is not None:
        words = f"The binding holds only where: {minting[0].condition.expression}"
        return _Cause("condition-not-met", Confidence.MEDIUM, words)
    if own:
        words = f"{own[0].role} is granted, which does not mint tokens. {WORKLOAD_IDENTITY_USER} does."
        return _Cause("role-cannot-mint", Confidence.HIGH, words)
    for grant in grants:
        other = grant.principal
        same = (other.namespace, other.service_account) == (workload.namespace, workload.service_account)
        if other.is_malformed and (same or parse_member(other.likely).identity == workload.identity):
            words = f"The binding names {other.member}: {other.problem}."
            return _Cause("member-malformed", Confidence.HIGH, words)
        if other.is_workload and same and other.pool != workload.pool:
            words = f"The binding names the pool {other.pool}, the workload is of {workload.pool}."
            return _Cause("pool-of-another-project", Confidence.HIGH, words)
    words = f"No binding on {email} or above it names the workload."
    return _Cause("binding-missing", Confidence.HIGH, words)


def _covers(member: Principal, workload: Principal) -> bool:
    if member.identity == workload.identity:
        return True
    if member.kind is PrincipalKind.WORKLOAD_SET and member.pool == workload.pool:
        return member.is_whole_pool or member.selector == f"namespace/{workload.namespace}"
    return member.kind is PrincipalKind.FEDERATED_SET and member.is_whole_pool and member.pool == workload.pool


def _fix(cause: _Cause, workload: Principal, email: str, project: str) -> Remediation | None:
    match cause.id:
        case "iamcredentials-api-disabled":
            return remedy("Switch the API on", EnableService(project, CREDENTIALS))
        case "gsa-disabled":
            return remedy(f"Enable {email}", SetServiceAccountEnabled(email, True, project))
        case "binding-missing" | "role-cannot-mint" | "pool-of-another-project" | "member-malformed":
            return remedy(
                f"Let {workload.legacy_member or workload.member} become {email}, if it is meant to",
                AddBinding(
                    broken_resource(email, project),
                    WORKLOAD_IDENTITY_USER,
                    workload.legacy_member or workload.member,
                ),
                risk="Every pod of every cluster in the pool that runs as this Kubernetes service account gets it.",
            )
    return None


@over_time_of(workload_identity_broken)
def workload_identity_restored(row: WindowRow, _context: Context) -> Iterator[Match]:
    """The workload got what it had been refused."""
    yield Match(
        subject=row.subject,
        title=f"{row.caller} got what it had been refused",
        principal=row.caller,
        state=State.RESOLVED,
    )


RULES: Final = (workload_identity_broken,)
WINDOW_RULES: Final[tuple[Rule[WindowRow], ...]] = (workload_identity_restored,)
