"""Rules on grants in allow policies: who was given what, and whether that is too much."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Grant
from bindwatch.model.principal import PrincipalKind
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, Method, log_rule
from bindwatch.rules import standing
from bindwatch.rules.callers import is_expected
from bindwatch.rules.condition_text import expiry_of, is_widened
from bindwatch.rules.grant_risk import names_somebody, risk_of_grant
from bindwatch.rules.methods import CRM, SET_IAM_POLICY, activity, converted
from bindwatch.rules.responses import policy_put_back

_INVITE: Final = "*InsertProjectOwnershipInvite"
_OBJECT_ACLS: Final = activity("storage.googleapis.com", "storage.objects.update", "storage.objects.patch")


@log_rule(
    "public-member",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=(*SET_IAM_POLICY, *_OBJECT_ACLS),
    guard=standing.is_remarkable,
    techniques=["T1530", "T1562"],
    equivalents=[
        "panther:GCP.GCS.Public",
        "secops:gcp_storage_bucket_opened_to_public",
        "secops:gcp_bigquery_datasets_opened_to_public",
        "secops:gcp_gce_image_open_to_public",
        "falco:GCP Bucket configured to be public",
        "falco:GCP Bucket objects configured to be public",
        "falco:GCP BigQuery Dataset access configured to be public",
        "sentinel:GCPIAMPublicBucket",
        "sentinel:GCPStorageBucketMadePublic",
        "splunk:detect_new_open_gcp_storage_buckets",
    ],
)
def public_member(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was granted to everybody on the internet.

    ## Why it matters
    `allUsers` needs no account and `allAuthenticatedUsers` only a free one: whatever the role allows, any stranger can
    do, and no log names them usefully. A role that mints tokens or runs code turns this into a takeover.

    ## What to do
    Remove the member. Enforce `constraints/iam.allowedPolicyMemberDomains` and, for buckets, public access prevention,
    so that it cannot come back.

    ## Known false positives
    Web sites served from a bucket and Cloud Run services for the public. The latter are reported as LOW; mute them with
    an owner and an expiry.

    ## Blind spots
    Object ACLs that were public before logging began; signed URLs; load balancers in front of private services.
    """
    yield from standing.in_entry(standing.public_member, entry, context)


@log_rule(
    "external-member",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
    techniques=["T1136.003", "T1098.003"],
    equivalents=[
        "panther:GCP.IAM.CorporateEmail",
        "stratus:gcp.persistence.invite-external-user",
        "scc:IAM_ANOMALOUS_GRANT",
        "secops:gcp_free_gmail_domains_added_to_iam_policy",
    ],
)
def external_member(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was granted to an account outside the organization.

    ## Why it matters
    Nobody here can disable that account, see its sign-ins or make it use a second factor; it stays when its owner
    leaves. A foothold kept this way survives every password reset.

    ## What to do
    Remove the binding, or move the person to an account of the organization. Name partners in the settings
    (`trusted_domains`, `trusted_projects`) and enforce `constraints/iam.allowedPolicyMemberDomains`.

    ## Known false positives
    Partners and acquired companies whose domains are not in the settings yet.

    ## Blind spots
    Where no domain is configured and no inventory shows the organization, only private accounts (gmail.com and so on)
    are known to be outside; a member whose domain differs from that of the person granting is then LOW, with low
    confidence. Outsiders inside a group are
    for `group-with-outsiders`.
    """
    yield from standing.in_entry(standing.external_member, entry, context)
    yield from _unlike_the_granter(entry, context)


def _unlike_the_granter(entry: LogEntry, context: Context) -> Iterator[Match]:
    where = display(entry.resource)
    for grant in standing.unlike_the_granter(entry, context):
        member, granter = grant.principal, entry.caller
        compared = f"{member.domain} was only compared with {granter.domain if granter is not None else ''}"
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.member}, of another domain than the granter, holds {grant.role} on {where}",
            principal=member.identity,
            severity=Severity.LOW,
            confidence=Confidence.LOW,
            notes=(f"No trusted domain is configured: {compared}.",),
            remediation=standing.removal(grant, entry.resource),
        )


@log_rule(
    "group-with-outsiders",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
    techniques=["T1098.003"],
    equivalents=["scc:SENSITIVE_ROLE_TO_GROUP_WITH_EXTERNAL_MEMBER"],
)
def group_with_outsiders(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role that leads to takeover was granted to a group with members outside the organization.

    ## Why it matters
    The policy names only the group, so a review of it sees nobody from outside; and whoever manages the group decides
    who is let in next.

    ## What to do
    Take the outsiders out of the group, or give the role to a group that can have none.

    ## Known false positives
    Groups made for working with a partner: name its domain in the settings (`trusted_domains`).

    ## Blind spots
    Members are known only where an inventory lists the group. Groups inside groups are not followed.
    """
    yield from standing.in_entry(standing.group_with_outsiders, entry, context)


@log_rule(
    "privileged-role",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
    techniques=["T1098.003"],
    equivalents=[
        "panther:Standard.AdminRoleAssigned",
        "stratus:gcp.persistence.create-admin-service-account",
        "csa:2.10",
        "scc:IAM_ANOMALOUS_GRANT",
        "scc:SERVICE_ACCOUNT_EDITOR_OWNER",
        "secops:gcp_admin_privileged_roles_added_to_service_accounts",
        "sentinel:GCPIAMHighPrivilegedRoleAdded",
        "splunk:gcp_detect_accounts_with_high_risk_roles",
        "cis:2.4",
    ],
)
def privileged_role(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role that leads to more than it says was granted on a project, a folder or the organization.

    ## Why it matters
    Its permissions let the member rewrite the policy, become other identities, run code as them, or remove the guards.
    Judged by what the role holds, not by its name: a custom role with one such permission counts as much as Owner.

    ## What to do
    Grant the narrow roles that are used, on the resources that are used, and remove this one. For rare work use a grant
    that expires (Privileged Access Manager, or a condition on `request.time`).

    ## Known false positives
    The few administrators and pipelines that run the organization. Mute them by name, with an owner and an expiry.

    ## Blind spots
    Roles that nobody told the permissions of: see `role-not-judged`. Members of a group are not expanded here. Roles of
    Google's own agents are not reported.
    """
    for match in standing.in_entry(standing.privileged_role, entry, context):
        by_pipeline = is_expected(entry.caller, context) and (match.severity or Severity.HIGH) < Severity.HIGH
        yield replace(match, severity=Severity.LOW) if by_pipeline else match


@log_rule(
    "impersonation-role-on-project",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
    techniques=["T1098.003", "T1548.005"],
    equivalents=[
        "csa:2.21",
        "scc:ORG_LEVEL_SERVICE_ACCOUNT_TOKEN_CREATOR_ROLE_ADDED",
        "scc:PROJECT_LEVEL_SERVICE_ACCOUNT_TOKEN_CREATOR_ROLE_ADDED",
    ],
)
def impersonation_role_on_project(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role to become or to act as service accounts was granted on a project, a folder or the organization.

    ## Why it matters
    It holds for every service account below, those made next year included. The member is as strong as the strongest
    of them: at once where the role mints tokens, and as soon as it may deploy something where the role lets it act as
    them (`roles/iam.serviceAccountUser`).

    ## What to do
    Grant it on the service accounts that are needed, one by one, and remove it here.

    ## Known false positives
    None known: even a deployment pipeline needs a list of accounts, not all of them.

    ## Blind spots
    Roles that both act as accounts and run code are judged by `privileged-role`.
    """
    yield from standing.in_entry(standing.impersonation_role_above_account, entry, context)


@log_rule(
    "impersonation-role-on-service-account",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
    techniques=["T1098.003", "T1484.002", "T1098.001"],
    equivalents=[
        "panther:GCP.Permissions.Granted.to.Create.or.Manage.Service.Account.Key",
        "elastic:persistence_gcp_service_account_impersonation_role_grant",
        "stratus:gcp.persistence.backdoor-service-account-policy",
        "csa:2.20",
        "csa:2.21",
        "csa:2.22",
        "splunk:gcp_detect_high_risk_permissions",
    ],
)
def impersonation_role_on_service_account(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role to become a service account, to run as it or to decide who may was granted on it.

    ## Why it matters
    From then on the member is that service account whenever it likes, and the log of what it does names the account.
    It is a quiet way to keep access: nothing on the project's policy changes.

    ## What to do
    Remove the binding unless a person answers for it. Prefer the narrowest role: `roles/iam.workloadIdentityUser` for a
    Kubernetes workload, `roles/iam.serviceAccountOpenIdTokenCreator` where only an ID token is needed.

    ## Known false positives
    Pipelines that are set up to impersonate a deployer account: LOW for a service account as member.

    ## Blind spots
    Single Kubernetes or federated workloads are how Workload Identity is meant to work and are not reported; wide and
    foreign ones are, by `workload-pool-wide-grant` and `foreign-pool-member`.
    """
    yield from standing.in_entry(standing.impersonation_role_on_account, entry, context)


@log_rule(
    "workload-pool-wide-grant",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
    techniques=["T1098.003", "T1550.001"],
)
def workload_pool_wide_grant(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was granted to a whole identity pool, to a part of it that many share, or to all accounts of a place.

    ## Why it matters
    Every workload of the pool holds the role: in GKE every pod of every cluster of the project, whoever deployed it; in
    a pool for a shared identity provider perhaps every tenant of that provider.

    ## What to do
    Grant the role to single identities (`principal://…/subject/…`), then remove the set.

    ## Known false positives
    A pool that exists for one team and one purpose, where the attribute condition of its provider is the real guard.

    ## Blind spots
    Whether the provider of the pool has an attribute condition is judged by `provider-without-condition`.
    """
    yield from standing.in_entry(standing.wide_pool_member, entry, context)


@log_rule(
    "foreign-pool-member",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
    techniques=["T1098.003", "T1199"],
)
def foreign_pool_member(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was granted to identities of a pool that belongs to another project.

    ## Why it matters
    Whoever administers that project decides which workloads carry the identity. A pool nobody here runs is a way in
    that no key and no user account shows.

    ## What to do
    Find out whose pool it is. Remove the member, or name the project in the settings (`trusted_projects`).

    ## Known false positives
    A cluster project that serves service accounts of other projects: name it in the settings, or scan with an inventory
    that holds it.

    ## Blind spots
    Pools of external providers are named by project number: without an inventory that maps it, nothing is said.
    """
    yield from standing.in_entry(standing.foreign_pool_member, entry, context)


@log_rule(
    "role-not-judged",
    Severity.INFO,
    Category.BLIND_SPOT,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
)
def role_not_judged(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role whose permissions are not known was granted.

    ## Why it matters
    A custom role can hold anything. What is not known is not safe, and no other rule can say something of this grant.

    ## What to do
    Give bindwatch the roles: `bindwatch roles sync`, or an inventory that holds the custom roles of the organization.

    ## Known false positives
    None: it says what could not be looked at.

    ## Blind spots
    None of its own.
    """
    yield from standing.in_entry(standing.unknown_role, entry, context)


@log_rule(
    "malformed-member",
    Severity.LOW,
    Category.BROKEN_BINDING,
    methods=SET_IAM_POLICY,
    guard=standing.is_remarkable,
)
def malformed_member(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A role was granted to a member that names nobody.

    ## Why it matters
    The workload or person it was meant for does not have the role: the binding looks right and does nothing.

    ## What to do
    Grant the role to the member that was meant, then remove the misspelt one.

    ## Known false positives
    None known.

    ## Blind spots
    A member that is spelled right and still names the wrong identity is found by the diagnosis of the workload.
    """
    yield from standing.in_entry(standing.malformed_member, entry, context)


def _takes_away(entry: LogEntry, _context: Context) -> bool:
    """Whether the entry takes away what the rules below look at: a grant with a condition, or many grants."""
    deltas = entry.binding_deltas
    if deltas is None or len(deltas) >= _MANY:
        return bool(entry.removed_grants)
    return any(delta.condition is not None and delta.action != "ADD" for delta in deltas)


@log_rule(
    "grant-condition-removed",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=SET_IAM_POLICY,
    guard=_takes_away,
    techniques=["T1098.003", "T1556.009"],
)
def grant_condition_removed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A grant lost its condition, or got one that asks for less or ends far later.

    ## Why it matters
    An expiry or a limit to some resources was what made the grant acceptable. Taking it off leaves the role and drops
    the guard, in a change that reads like a small edit. So does moving an expiry to a year that nobody will see.

    ## What to do
    Put the condition back, or remove the grant.

    ## Known false positives
    A temporary grant that was made permanent on purpose. An expiry that is moved by less than a year is left out.

    ## Blind spots
    Conditions are compared by their texts: one replaced by another that is weaker in effect alone is not told.
    """
    before = {(grant.role, grant.principal.identity): grant for grant in entry.removed_grants if _limits(grant)}
    for grant in entry.grants:
        old = before.get((grant.role, grant.principal.identity))
        if old is None or old.condition is None:
            continue
        what = _lost(old.condition.expression, _expression(grant), entry) if _limits(grant) else "lost its condition"
        if not what:
            continue
        found = risk_of_grant(grant, entry.resource, context)
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.role} of {grant.member} on {display(entry.resource)} {what}",
            severity=Severity.HIGH if found is None or found.leads_to_takeover else Severity.MEDIUM,
            notes=(f"The condition was: {old.condition.expression}",),
            remediation=standing.restored(old, grant, entry.resource),
        )


def _lost(old: str, new: str, entry: LogEntry) -> str:
    """What a grant lost with its old condition; '' where the new one limits it as well, as far as their texts tell."""
    if "request.time" in old and "request.time" not in new:
        return "lost its expiry"
    ends, ended, now = expiry_of(new), expiry_of(old), entry.time
    if ends and ended and now and ends > ended and ends - now > _FAR_AWAY:
        return f"ends on {ends:%Y-%m-%d}, not on {ended:%Y-%m-%d}"
    return f"has a condition that asks for less: {new}" if is_widened(old, new) else ""


_FAR_AWAY: Final = timedelta(days=366)


def _limits(grant: Grant) -> bool:
    return grant.condition is not None and grant.condition.expression.strip() not in ("", "true")


def _expression(grant: Grant) -> str:
    return grant.condition.expression if grant.condition else ""


@log_rule(
    "project-ownership-invited",
    Severity.HIGH,
    Category.THREAT,
    methods=(*activity(CRM, _INVITE), *converted(_INVITE)),
    techniques=["T1098.003", "T1136.003"],
    equivalents=[
        "panther:GCP.Project.ExternalUserOwnershipInvite",
        "stratus:gcp.persistence.invite-external-user",
        "scc:IAM_ANOMALOUS_GRANT",
        "cis:2.4",
    ],
)
def project_ownership_invited(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody from outside was invited to own a project.

    ## Why it matters
    An invitation is how an account outside the organization becomes Owner: no policy changes until it is accepted, so
    rules on policies are silent.

    ## What to do
    Withdraw the invitation in the console (IAM page of the project) before it is accepted, and ask who sent it.

    ## Known false positives
    Projects without an organization, where inviting is the only way.

    ## Blind spots
    Colleagues (of a trusted domain; without settings, of the domain of who invites) are left to `privileged-role`,
    which sees the grant when they accept. The acceptance is logged as a policy change without the name of who invited.
    """
    if entry.answered_with_error:
        return
    member = entry.request.text("member") or "somebody"
    email = member.rpartition(":")[2]
    domain = email.rpartition("@")[2].lower()
    trusted = context.is_trusted_domain(domain) if domain else None
    caller = entry.caller
    colleague = trusted or (
        trusted is None and caller is not None and caller.kind is PrincipalKind.USER and caller.domain == domain
    )
    if colleague:
        return
    yield Match(
        subject=f"roles/owner {member}",
        title=f"{email} was invited to own project {entry.project or entry.request.text('projectId')}",
    )


@log_rule(
    "bulk-grants-removed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=SET_IAM_POLICY,
    guard=_takes_away,
    techniques=["T1531"],
)
def bulk_grants_removed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A policy was overwritten so that many members lost their roles at once.

    ## Why it matters
    That is how somebody locks the others out, and also how a tool that owns a policy it should only add to breaks
    production. Both need the previous policy back quickly.

    ## What to do
    Restore the policy from the last known version: every removed binding is in the entry's delta. Then find out whether
    an authoritative Terraform resource (`google_project_iam_policy`) did it.

    ## Known false positives
    Clean-ups. Named automation is reported as LOW.

    ## Blind spots
    Services that do not log what changed (Cloud Run, KMS, Compute Engine) show only the new policy.
    """
    removed = [grant for grant in entry.removed_grants if names_somebody(grant)]
    if len(removed) < _MANY or len(removed) < 3 * len(entry.grants):
        return
    members = dict.fromkeys(grant.member for grant in removed)
    blind = not entry.requested_policy.text("etag") and bool(entry.requested_policy)
    yield Match(
        subject=f"{len(removed)} grants",
        title=f"{len(removed)} grants to {len(members)} members were removed from {display(entry.resource)} at once",
        severity=Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM,
        notes=(
            *(("The policy was written without an etag, over whatever stood there.",) if blind else ()),
            f"Lost access: {', '.join(list(members)[:10])}",
        ),
        remediation=standing.given_back(removed, entry.resource),
    )


_MANY: Final = 10


@log_rule(
    "default-account-changed-policy",
    Severity.HIGH,
    Category.THREAT,
    methods=(Method("*", "*SetIamPolicy"), Method("storage.googleapis.com", "storage.setIamPermissions")),
    techniques=["T1098.003", "T1078.001"],
    equivalents=["scc:IAM_ANOMALOUS_GRANT", "scc:CLOUD_RUN_SERVICES_SET_IAM_POLICY"],
)
def default_account_changed_policy(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A default service account changed who has access.

    ## Why it matters
    Default accounts are attached to machines and functions that nobody gave an account of their own. Such a workload
    has no business with policies: if one changes them, it is probably not its code that runs.

    ## What to do
    Look at what ran as the account then (`callerIp`, user agent). Undo the change; give the workload an account of its
    own; remove Editor from the default one.

    ## Known false positives
    Build pipelines that still run as the legacy Cloud Build account are reported as LOW.

    ## Blind spots
    Accounts that people made and attached everywhere look like any other.
    """
    caller = entry.caller
    if caller is None or not caller.is_default_service_account or is_expected(caller, context):
        return
    builds = caller.domain == "cloudbuild.gserviceaccount.com"
    yield Match(
        subject=caller.identity,
        title=f"{caller.email} changed the policy of {display(entry.resource)}",
        severity=Severity.LOW if builds else Severity.HIGH,
        notes=tuple(f"{grant.role} to {grant.member}" for grant in entry.grants[:10]),
        remediation=policy_put_back(entry),
    )


RULES = (
    public_member,
    external_member,
    group_with_outsiders,
    privileged_role,
    impersonation_role_on_project,
    impersonation_role_on_service_account,
    workload_pool_wide_grant,
    foreign_pool_member,
    role_not_judged,
    malformed_member,
    grant_condition_removed,
    project_ownership_invited,
    bulk_grants_removed,
    default_account_changed_policy,
)
