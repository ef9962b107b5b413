"""Rules on short-lived credentials: tokens minted for service accounts, and what is signed as them."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.finding import Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import Principal, PrincipalKind
from bindwatch.rule import ANY_METHOD, Context, Match, Outcome, log_rule
from bindwatch.rules.callers import (
    is_expected,
    is_outsider,
    is_person,
    project_of_caller,
    same_project,
    weight_of_caller,
)
from bindwatch.rules.methods import MINT
from bindwatch.rules.responses import account_stopped, credential_misused, other_ways
from bindwatch.rules.standing import reach_of_account

ACCESS_TOKEN: Final = "iam.serviceAccounts.getAccessToken"  # noqa: S105 - a permission
ID_TOKEN: Final = "iam.serviceAccounts.getOpenIdToken"  # noqa: S105 - a permission
SIGN_BLOB: Final = "iam.serviceAccounts.signBlob"
SIGN_JWT: Final = "iam.serviceAccounts.signJwt"
DELEGATION: Final = "iam.serviceAccounts.implicitDelegation"

# What a method checks, for entries that list no check at all.
_CHECKED_BY: Final = {
    "generateaccesstoken": ACCESS_TOKEN,
    "generateidtoken": ID_TOKEN,
    "signblob": SIGN_BLOB,
    "signjwt": SIGN_JWT,
}


def got(entry: LogEntry) -> frozenset[str]:
    """The permissions the call was allowed to use; from its method where the entry lists no checks."""
    if entry.permissions:
        return entry.granted_permissions
    used = _CHECKED_BY.get(entry.method.rpartition(".")[2].lower())
    return frozenset({used}) if used else frozenset()


@log_rule(
    "service-account-token-minted",
    Severity.LOW,
    Category.THREAT,
    methods=MINT,
    techniques=["T1548.005", "T1550.001"],
    equivalents=[
        "panther:GCP.IAM.serviceAccounts.getAccessToken.Privilege.Escalation",
        "panther:GCP.Privileged.Operation",
        "stratus:gcp.privilege-escalation.impersonate-service-accounts",
        "sentinel:GCPIAMNewAuthenticationToken",
        "splunk:gcp_detect_high_risk_permissions",
        "scc:SUSPICIOUS_TOKEN_GENERATION_CROSS_PROJECT_OPENID",
        "scc:AGENT_ENGINE_SUSPICIOUS_TOKEN_GENERATION_CROSS_PROJECT_OPENID",
        "scc:SUSPICIOUS_TOKEN_GENERATION_CROSS_PROJECT_ACCESS_TOKEN",
        "scc:AGENT_ENGINE_SUSPICIOUS_TOKEN_GENERATION_CROSS_PROJECT_ACCESS_TOKEN",
    ],
)
def service_account_token_minted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A token was minted for a service account by a caller that is not a workload of its own.

    ## Why it matters
    Whoever holds the token is the service account for an hour, and what is done with it is logged under its name. No
    single token can be revoked: only disabling the account ends it.

    ## What to do
    Ask the caller. If nobody answers for it: disable the service account, remove the caller's role on it (or above it),
    and read what the account did since, by `serviceAccountDelegationInfo`.

    ## Known false positives
    People and pipelines that impersonate a deployer account every day: INFO for workloads, LOW for people. Name
    pipelines in the settings (`automation`) and they are not reported at all.

    ## Blind spots
    Pods and federated pipelines that mint for the account they are bound to are not reported; that a pair of caller and
    account was never seen before is for the window rules. Tokens of attached service accounts come from the metadata
    server and leave no entry. Data Access logs (ADMIN_READ) must be on for iam.googleapis.com.
    """
    minted = got(entry) & {ACCESS_TOKEN, ID_TOKEN}
    if not minted:
        return
    what = "An access token" if ACCESS_TOKEN in minted else "An ID token"
    match = _judged(entry, context, f"{what} was minted for", min(minted))
    if match is not None:
        yield match


@log_rule(
    "signed-as-service-account",
    Severity.LOW,
    Category.THREAT,
    methods=MINT,
    techniques=["T1548.005", "T1606"],
    equivalents=[
        "panther:GCP.IAM.serviceAccounts.signBlob",
        "panther:GCP.IAM.serviceAccounts.signJwt.Privilege.Escalation",
        "scc:SUSPICIOUS_TOKEN_GENERATION_SIGN_JWT",
        "scc:AGENT_ENGINE_SUSPICIOUS_TOKEN_GENERATION_SIGN_JWT",
    ],
)
def signed_as_service_account(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Something was signed with the key of a service account by another identity, or with a downloaded key.

    ## Why it matters
    A signature is worth an access token: a signed JWT is exchanged for one, and for an account with domain-wide
    delegation it opens mailboxes. What was signed is not logged.

    ## What to do
    Ask the caller. If nobody answers for it: disable the service account, remove the role that holds `signJwt` or
    `signBlob`, and look for delegated access of the account in Workspace.

    ## Known false positives
    Signed URLs for Cloud Storage made by a workload as itself are not reported. As itself but with a downloaded key is
    INFO: such a key can sign at home, so the call is odd, not bad.

    ## Blind spots
    The payload is not logged. Whoever holds a downloaded key signs without any entry at all.
    """
    signed = got(entry) & {SIGN_BLOB, SIGN_JWT}
    if not signed:
        return
    what = "A JWT was signed as" if SIGN_JWT in signed else "A blob was signed as"
    match = _judged(entry, context, what, min(signed))
    if match is not None:
        yield match


def _judged(entry: LogEntry, context: Context, what: str, permission: str) -> Match | None:
    """The match for a credential of `entry.target` in the hands of the caller; None where that is how things are."""
    caller, target = entry.caller, entry.target or entry.raw_resource_name.rpartition("/")[2]
    if caller is not None and is_expected(caller, context):
        return None
    if caller is not None and caller.email and caller.email == target:
        return _as_itself(entry, target, what)
    if caller is not None and (is_workload_identity(caller) or caller.kind in _AS_INTENDED):
        return None
    severity, why = weight_of_caller(entry, context)
    notes = [f"{why[0].upper()}{why[1:]}."]
    home = project_of_caller(caller, context) if caller is not None else ""
    if home and same_project(home, entry.project, context) is False:
        severity = max(severity, Severity.LOW)
        notes.append(f"The caller is of project {home}, the account of project {entry.project}.")
    if reach := reach_of_account(target, context):
        notes.append(f"{target} holds {', '.join(reach)}.")
        if is_person(caller) or caller is None:
            severity = max(severity, Severity.MEDIUM)
    return Match(
        subject=f"{entry.caller_key} as {target}",
        title=f"{what} {target} by {entry.caller_name}",
        severity=severity,
        notes=tuple(notes),
        remediation=credential_misused(target, permission, entry, context),
    )


# One pod or one federated workload that becomes the account it is bound to is how Workload Identity works. A subject
# without a pool is no such identity, whatever its user agent says.
_AS_INTENDED: Final = frozenset({PrincipalKind.AGENT, PrincipalKind.RESOURCE})


def _as_itself(entry: LogEntry, target: str, what: str) -> Match | None:
    if not entry.key_name or not entry.permissions:
        return None
    return Match(
        subject=f"{entry.caller_key} as {target}",
        title=f"{what} {target} by itself, with a downloaded key",
        severity=Severity.INFO,
        notes=(f"The key: {entry.key_name.rpartition('/')[2]}",),
    )


@log_rule(
    "delegation-chain-minted",
    Severity.MEDIUM,
    Category.THREAT,
    methods=MINT,
    techniques=["T1548.005"],
    equivalents=[
        "scc:SUSPICIOUS_TOKEN_GENERATION_IMPLICIT_DELEGATION",
        "scc:AGENT_ENGINE_SUSPICIOUS_TOKEN_GENERATION_IMPLICIT_DELEGATION",
    ],
)
def delegation_chain_minted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A token was minted through a chain of service accounts.

    ## Why it matters
    With `implicitDelegation` a caller reaches an account it has no role on, through accounts in between. Few systems
    need that, and a review of the last account's policy does not show who can get there.

    ## What to do
    Give the caller its role on the last account directly, if it is entitled to it, and remove
    `roles/iam.serviceAccountTokenCreator` from the accounts in between.

    ## Known false positives
    Pipelines built on chained accounts. Name them in the settings (`automation`): they are then INFO.

    ## Blind spots
    A chain walked by hand, token by token, gives separate entries of `service-account-token-minted`.
    """
    delegates = entry.delegates
    hops = [hop for hop in entry.delegation_chain if hop]
    if DELEGATION not in entry.granted_permissions and not delegates and len(hops) < 2:
        return
    through = [name.rpartition("/")[2].lower() for name in delegates] or [hop for hop in hops if hop != entry.target]
    if len(hops) < 2 and not through:
        return
    yield Match(
        subject=f"{entry.caller_key} as {entry.target} through {' '.join(through)}",
        title=f"{entry.caller_name} became {entry.target} through {', '.join(through) or 'other service accounts'}",
        severity=Severity.INFO if is_expected(entry.caller, context) else Severity.MEDIUM,
        remediation=credential_misused(entry.target, DELEGATION, entry, context),
    )


@log_rule(
    "impersonation-denied",
    Severity.MEDIUM,
    Category.THREAT,
    methods=MINT,
    outcome=Outcome.FAILED,
    techniques=["T1548.005", "T1087.004"],
    equivalents=["stratus:gcp.privilege-escalation.impersonate-service-accounts"],
)
def impersonation_denied(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody tried to become a service account and was refused.

    ## Why it matters
    An intruder tries which accounts its foothold can become. One refusal is a mistake; many accounts in a row are a
    search, which a window rule reports.

    ## What to do
    Find who called: Google leaves users out of denied reads, so go by address and user agent. If the call is meant to
    work, grant `roles/iam.serviceAccountTokenCreator` on this account; `roles/iam.serviceAccountUser` does not help.

    ## Known false positives
    A pipeline whose grant is missing or not yet in effect: LOW for a service account of the same organization.

    ## Blind spots
    Pods and federated workloads that are refused are a broken binding: `workload-identity-broken`.
    """
    caller, target = entry.caller, entry.target or entry.raw_resource_name.rpartition("/")[2]
    if not entry.denied or is_workload_identity(caller):
        return
    if caller is not None and (caller.is_service_agent or (caller.email and caller.email == target)):
        return
    outsider = bool(is_outsider(caller, context))
    pipeline = caller is not None and caller.kind is PrincipalKind.SERVICE_ACCOUNT
    yield Match(
        subject=f"{entry.caller_key} as {target}",
        title=f"{entry.caller_name} was refused a credential of {target or 'a service account'}",
        severity=Severity.HIGH if outsider else Severity.LOW if pipeline else Severity.MEDIUM,
        notes=(f"User agent: {entry.user_agent}",) if entry.user_agent else (),
        remediation=other_ways(ACCESS_TOKEN, entry),
    )


def is_workload_identity(principal: Principal | None) -> bool:
    """Whether this is a workload of an identity pool: one in GKE, or one that an external provider vouches for."""
    return principal is not None and (
        principal.is_workload or (principal.kind is PrincipalKind.FEDERATED and bool(principal.pool))
    )


def _is_delegated(entry: LogEntry, context: Context) -> bool:
    """Whether somebody acted through the caller who is an outsider, or through more than one identity."""
    hops = entry.authentication.service_account_delegation_info
    if not hops:
        return False
    known = context.memory.get(hops)
    if known is None:
        named = entry.impersonators
        known = context.remember(hops, len(named) > 1 or any(is_outsider(hop, context) for hop in named))
    return known


@log_rule(
    "impersonated-by-outsider",
    Severity.HIGH,
    Category.THREAT,
    methods=(ANY_METHOD,),
    guard=_is_delegated,
    techniques=["T1548.005", "T1078.004"],
    equivalents=[
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATOR_ADMIN_ACTIVITY",
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATOR_DATA_ACCESS",
        "scc:AI_ANOMALOUS_SA_DELEGATION_IMPERSONATOR_ADMIN_ACTIVITY",
        "scc:AI_ANOMALOUS_SA_DELEGATION_IMPERSONATOR_DATA_ACCESS",
        "csa:4.20",
    ],
)
def impersonated_by_outsider(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An account outside the organization acted as a service account.

    ## Why it matters
    The log names the service account; who was behind it stands in a field that few look at. An outsider there means
    that somebody else's account, or their service account, can become one of yours.

    ## What to do
    Remove the outsider's role on the service account, disable the account until it is clear what was done, and read its
    activity by `serviceAccountDelegationInfo`.

    ## Known false positives
    Vendors that run on your project through a service account of theirs: name their project in the settings
    (`trusted_projects`).

    ## Blind spots
    App Engine and GKE do not log who delegated; federated callers may leave an empty element. Service agents of Google
    that act for the account are left out.
    """
    for hop in entry.impersonators:
        if is_outsider(hop, context):
            caller = entry.caller
            acting = caller.identity if caller is not None else entry.caller_key
            yield Match(
                subject=f"{hop.identity} as {acting}",
                title=f"{hop.email or hop.member}, who is not of this organization, acted as {entry.caller_name}",
                resource_name=f"//cloudresourcemanager.googleapis.com/{entry.scope}" if entry.scope else "",
                principal=hop.identity,
                remediation=account_stopped(caller.email, entry.project, "Until it is clear what was done")
                if caller is not None
                else None,
            )


@log_rule(
    "delegation-chain-used",
    Severity.LOW,
    Category.THREAT,
    methods=(ANY_METHOD,),
    guard=_is_delegated,
    techniques=["T1548.005"],
    equivalents=[
        "scc:ANOMALOUS_SA_DELEGATION_MULTISTEP_ADMIN_ACTIVITY",
        "scc:ANOMALOUS_SA_DELEGATION_MULTISTEP_DATA_ACCESS",
        "scc:AI_ANOMALOUS_SA_DELEGATION_MULTISTEP_ADMIN_ACTIVITY",
        "scc:AI_ANOMALOUS_SA_DELEGATION_MULTISTEP_DATA_ACCESS",
    ],
)
def delegation_chain_used(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account was used through a chain of other identities.

    ## Why it matters
    Two or more identities stand between who acts and who is logged. Each hop hides the one before it from reviews of
    policies, and is one more account whose loss is everybody's loss.

    ## What to do
    Find the first of the chain and give it the access it needs directly.

    ## Known false positives
    Pipelines built on chained accounts. Name the first of the chain in the settings (`automation`).

    ## Blind spots
    Google's service agents in the chain act for a service and are left out; App Engine and GKE do not log the chain.
    """
    hops = entry.impersonators
    if len(hops) < 2 or any(is_expected(hop, context) for hop in hops):
        return
    acting = entry.caller.identity if entry.caller is not None else entry.caller_key
    chain = " > ".join(hop.identity for hop in hops)
    yield Match(
        subject=f"{chain} > {acting}",
        title=f"{hops[0].email or hops[0].member} acted as {entry.caller_name} through {len(hops) - 1} more identities",
        resource_name=f"//cloudresourcemanager.googleapis.com/{entry.scope}" if entry.scope else "",
        principal=hops[0].identity,
        notes=(f"The chain: {chain} > {acting}",),
    )


RULES = (
    service_account_token_minted,
    signed_as_service_account,
    delegation_chain_minted,
    impersonation_denied,
    impersonated_by_outsider,
    delegation_chain_used,
)
