"""Grants as they stand in policies: the twins of the log rules, and what only a standing policy shows."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from bindwatch.access.conditions import is_over
from bindwatch.inventory import Inventory, Part
from bindwatch.model.change import AddBinding, RemoveBinding, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.policy import Grant
from bindwatch.model.principal import parse_member
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, Rule, at_rest_of, inventory_rule
from bindwatch.rules import grants, standing
from bindwatch.rules.at_rest.grant_survey import Sort, survey_of
from bindwatch.rules.grant_risk import names_somebody, risk_of_grant

_MOST_PRINCIPALS: Final = 1500  # of one policy, each occurrence counted (IAM quotas)
_MOST_GROUPS: Final = 250


def _twin(
    rule: Rule[LogEntry],
    check: standing.GrantCheck,
    sort: Sort,
    *equivalents: str,
) -> Rule[Inventory]:
    """The inventory rule that asks the same of each standing grant as the log rule of each grant made."""

    @at_rest_of(rule, needs=[Part.POLICIES], equivalents=equivalents)
    def twin(inventory: Inventory, context: Context) -> Iterator[Match]:
        for resource, policy, grant in survey_of(inventory, context).of(sort):
            match = check(grant, resource, context)
            if match is not None:
                yield replace(match, resource_name=resource, evidence=(AssetRef(resource, policy.etag),))

    return twin


public_member = _twin(
    grants.public_member,
    standing.public_member,
    Sort.PUBLIC,
    "prowler:cloudstorage_bucket_public_access",
    "prowler:bigquery_dataset_public_access",
    "prowler:kms_key_not_publicly_accessible",
    "prowler:secretmanager_secret_not_publicly_accessible",
    "prowler:cloudfunction_function_not_publicly_accessible",
    "prowler:compute_image_not_publicly_shared",
    "scoutsuite:cloudstorage-bucket-member",
    "scoutsuite:bigquery-dataset-member",
    "scoutsuite:kms-cryptokeys-anonymously-publicly-accessible",
    "scoutsuite:functions-v1-member",
    "scoutsuite:iam-service-account-user-member",
    "scc:PUBLIC_BUCKET_ACL",
    "scc:PUBLIC_DATASET",
    "scc:KMS_PUBLIC_KEY",
    "scc:PUBLIC_COMPUTE_IMAGE",
    "policy-library:storage_bucket_world_readable",
    "policy-library:bigquery_dataset_world_readable",
    "copl:iamDisablePublicBindings",
    "forseti:iam_rules",
    "policy-library:iam_allowed_bindings",
    "scoutsuite:functions-v1-public-endpoint",
    "scoutsuite:functions-v2-public-endpoint",
    "c7n:kms-cryptokey.iam-policy",
    "c7n:function.iam-policy",
)
external_member = _twin(
    grants.external_member,
    standing.external_member,
    Sort.OUTSIDER,
    "scoutsuite:iam-gmail-accounts-used",
    "scc:NON_ORG_IAM_MEMBER",
    "copl:iamDisableGmailMembers",
    "copl:iamAllowedMembers",
    "policy-library:iam_allowed_policy_member_domains",
)
privileged_role = _twin(
    grants.privileged_role,
    standing.privileged_role,
    Sort.LEADS_UP,
    "gcpdiag:iam/SEC/2021_001",
    "prowler:iam_sa_no_administrative_privileges",
    "scoutsuite:iam-sa-has-admin-privileges",
    "scc:ADMIN_SERVICE_ACCOUNT",
    "copl:iamDisableAdminServiceAccount",
    "wif-ts:direct-principal-role",
)
impersonation_role_on_project = _twin(
    grants.impersonation_role_on_project,
    standing.impersonation_role_above_account,
    Sort.LEADS_UP,
    "prowler:iam_no_service_roles_at_project_level",
    "scoutsuite:iam-user-has-sa-user-role",
    "scc:OVER_PRIVILEGED_SERVICE_ACCOUNT_USER",
    "copl:iamDisableProjectServiceAccountImpersonationRoles",
)
impersonation_role_on_service_account = _twin(
    grants.impersonation_role_on_service_account, standing.impersonation_role_on_account, Sort.ON_ACCOUNT
)
workload_pool_wide_grant = _twin(grants.workload_pool_wide_grant, standing.wide_pool_member, Sort.SET)
foreign_pool_member = _twin(grants.foreign_pool_member, standing.foreign_pool_member, Sort.POOL)
unknown_role = _twin(grants.role_not_judged, standing.unknown_role, Sort.UNKNOWN_ROLE)
group_with_outsiders = _twin(
    grants.group_with_outsiders,
    standing.group_with_outsiders,
    Sort.GROUP,
    "scc:OPEN_GROUP_IAM_MEMBER",
    "forseti:group_rules",
)
malformed_member = _twin(grants.malformed_member, standing.malformed_member, Sort.MALFORMED)


@inventory_rule(
    "basic-role",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1098.003"],
    equivalents=[
        "scc:PRIMITIVE_ROLES_USED",
        "scoutsuite:iam-primitive-role-in-use",
        "copl:iamDisableBasicRoles",
        "policy-library:iam_allow_ban_roles",
        "scc:SERVICE_AGENT_GRANTED_BASIC_ROLE",
        "scc:SERVICE_AGENT_ROLE_REPLACED_WITH_BASIC_ROLE",
    ],
)
def basic_role(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A basic role was held: owner, editor, viewer or one of their successors.

    ## Why it matters
    They hold thousands of permissions of every service of the project, also of those switched on tomorrow. Nobody who
    was given one uses a hundredth of it.

    ## What to do
    Grant the narrow roles that the principal really uses, then remove this one.

    ## Known false positives
    The Google APIs service agent (`NUMBER@cloudservices.gserviceaccount.com`), which is Editor by default, is left out.

    ## Blind spots
    Basic roles that a group or a convenience member passes on are seen as those of the group.
    """
    for resource, policy, grant in survey_of(inventory, context).of(Sort.BASIC_ROLE):
        if not names_somebody(grant) or grant.principal.is_public:
            continue
        agent = grant.principal.is_service_agent
        if agent and grant.principal.domain == "cloudservices.gserviceaccount.com":
            continue
        reads = grant.role in ("roles/viewer", "roles/reader")
        severity = Severity.HIGH if agent and not reads else Severity.LOW if reads else Severity.MEDIUM
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.member} holds the basic role {grant.role} on {display(resource)}",
            resource_name=resource,
            principal=grant.principal.identity,
            severity=severity,
            evidence=(AssetRef(resource, policy.etag),),
            remediation=standing.removal(
                grant, resource, f"Grant {grant.member} the narrow roles it uses, then remove {grant.role}"
            ),
        )


@inventory_rule(
    "deleted-member",
    Severity.LOW,
    Category.HYGIENE,
    needs=[Part.POLICIES],
    techniques=["T1098"],
)
def deleted_member(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A binding named a principal that was deleted.

    ## Why it matters
    It grants nothing, until the account is undeleted: then it grants what it always did. Where an account of the same
    e-mail was made anew, people believe that it has this role, and it has not.

    ## What to do
    Remove the member. If an account of that name lives again and needs the role, grant it anew.

    ## Known false positives
    Google removes such members by itself within 60 days.

    ## Blind spots
    A deleted group inside another group is not seen.
    """
    for resource, policy, grant in survey_of(inventory, context).of(Sort.DELETED):
        email = grant.principal.email
        account = inventory.service_account(email) if email else None
        again = account is not None and account.unique_id != grant.principal.uid
        successor = f"serviceAccount:{email}"
        removal = RemoveBinding(resource, grant.role, grant.member, grant.condition)
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.role} on {display(resource)} is granted to {grant.member}, which was deleted"
            + (", and its successor does not have the role" if again else ""),
            resource_name=resource,
            principal=grant.principal.identity,
            severity=Severity.MEDIUM if again else None,
            evidence=(AssetRef(resource, policy.etag),),
            remediation=remedy(
                f"Grant {grant.role} to the account that lives, and remove the deleted member"
                if again
                else "Remove the deleted member",
                *((AddBinding(resource, grant.role, successor, grant.condition),) if again else ()),
                removal,
            ),
        )


@inventory_rule(
    "service-agent-role",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1098.003"],
)
def service_agent_role(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A role made for Google's own agents was held by somebody else.

    ## Why it matters
    Service-agent roles hold what Google needs to run a service, the minting of tokens among it. They are made for one
    agent, change without notice, and look harmless in a list of roles.

    ## What to do
    Find the predefined role that a person or workload is meant to have for the service, grant that, remove this one.

    ## Known false positives
    A few guides tell users to grant such a role to their own account; the guide is wrong, the service works with less.

    ## Blind spots
    Custom roles copied from a service-agent role are judged by their permissions alone.
    """
    for resource, policy, grant in survey_of(inventory, context).of(Sort.AGENT_ROLE):
        if grant.principal.is_service_agent or not names_somebody(grant) or grant.principal.is_default_service_account:
            continue
        found = risk_of_grant(grant, resource, context)
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.member} holds {grant.role}, a role for Google's own agents, on {display(resource)}",
            resource_name=resource,
            principal=grant.principal.identity,
            severity=max(found.severity, Severity.LOW) if found else None,
            score=found.score if found else None,
            notes=found.reasons if found else (),
            evidence=(AssetRef(resource, policy.etag),),
            remediation=standing.removal(grant, resource),
        )


@inventory_rule(
    "role-to-whole-domain",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1098.003"],
    equivalents=["scoutsuite:iam-role-assigned-to-domain"],
)
def role_to_whole_domain(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A role was held by everybody of a domain.

    ## Why it matters
    Every account of the domain has it, the newest trainee's and the forgotten one's too: one stolen password is enough.

    ## What to do
    Grant it to a group of those who need it.

    ## Known false positives
    Browsing roles at the organization, which Google grants by default, are reported as INFO.

    ## Blind spots
    How many accounts the domain has is not known here.
    """
    for resource, policy, grant in survey_of(inventory, context).of(Sort.DOMAIN):
        found = risk_of_grant(grant, resource, context)
        yield Match(
            subject=standing.subject_of(grant),
            title=f"Everybody of {grant.principal.domain} holds {grant.role} on {display(resource)}",
            resource_name=resource,
            principal=grant.principal.identity,
            severity=found.severity if found else None,
            score=found.score if found else None,
            notes=found.reasons if found else (),
            evidence=(AssetRef(resource, policy.etag),),
            remediation=standing.removal(grant, resource),
        )


@inventory_rule(
    "separation-of-duties",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1098.003"],
    equivalents=[
        "scoutsuite:iam-role-account-separation-duties-is-false",
        "scc:SERVICE_ACCOUNT_ROLE_SEPARATION",
        "prowler:iam_role_sa_enforce_separation_of_duties",
        "prowler:iam_role_kms_enforce_separation_of_duties",
        "scoutsuite:iam-role-kms-separation-duties-is-false",
        "scc:KMS_ROLE_SEPARATION",
    ],
)
def separation_of_duties(inventory: Inventory, context: Context) -> Iterator[Match]:
    """One principal both administered something and used it: service accounts, or encryption keys.

    ## Why it matters
    Who can make an account and run as it, or manage a key and decrypt with it, needs nobody to hide what they do.

    ## What to do
    Give one of the two roles to somebody else.

    ## Known false positives
    Small teams. Mute with an owner and an expiry.

    ## Blind spots
    Roles that a group passes on, and custom roles with the same permissions: the access graph puts those together.
    """
    duties = _duties(inventory, context)
    for resource, own in duties.items():
        held: dict[str, dict[str, tuple[str, Grant]]] = {}
        for name in reversed(inventory.ancestors(resource)):
            for identity, given in duties.get(name, {}).items():
                if identity in own:
                    held.setdefault(identity, {}).update((role, (name, grant)) for role, grant in given.items())
        for identity, roles in held.items():
            for admins, uses, what in _CONFLICTS:
                both = sorted(admins & roles.keys()), sorted(uses & roles.keys())
                if not all(both) or not (admins | uses) & own[identity].keys():
                    continue
                where, second = roles[both[1][0]]
                places = dict.fromkeys((resource, *(roles[role][0] for role in both[0] + both[1])))
                yield Match(
                    subject=f"{what} {identity}",
                    title=f"{second.member} both manages and uses {what} on {display(resource)}",
                    resource_name=resource,
                    principal=identity,
                    notes=tuple(f"Holds {role} on {display(roles[role][0])}." for role in both[0] + both[1]),
                    evidence=tuple(
                        AssetRef(name, policy.etag) for name in places if (policy := inventory.policy(name))
                    ),
                    remediation=standing.removal(second, where),
                )


def _duties(inventory: Inventory, context: Context) -> dict[str, dict[str, dict[str, Grant]]]:
    """The grants of conflicting roles: resource → identity → role."""
    found: dict[str, dict[str, dict[str, Grant]]] = {}
    for resource, policy in inventory.policies:
        for binding in policy.bindings:
            if binding.role not in _DUTIES:
                continue
            if binding.condition is not None and is_over(binding.condition.expression, context.as_of):
                continue
            for member in binding.members:
                grant = Grant(binding.role, member, parse_member(member), binding.condition)
                if names_somebody(grant) and not grant.principal.is_service_agent:
                    found.setdefault(resource, {}).setdefault(grant.principal.identity, {})[binding.role] = grant
    return found


_CONFLICTS: Final = (
    (
        frozenset({"roles/iam.serviceAccountAdmin"}),
        frozenset({"roles/iam.serviceAccountUser", "roles/iam.serviceAccountTokenCreator"}),
        "service accounts",
    ),
    (
        frozenset({"roles/cloudkms.admin"}),
        frozenset(
            {
                "roles/cloudkms.cryptoKeyEncrypterDecrypter",
                "roles/cloudkms.cryptoKeyEncrypter",
                "roles/cloudkms.cryptoKeyDecrypter",
            }
        ),
        "encryption keys",
    ),
)
_DUTIES: Final = frozenset(role for admins, uses, _ in _CONFLICTS for role in admins | uses)


@inventory_rule("policy-near-limit", Severity.LOW, Category.HYGIENE, needs=[Part.POLICIES])
def policy_near_limit(inventory: Inventory, context: Context) -> Iterator[Match]:
    """An allow policy was close to the most members it can hold.

    ## Why it matters
    At 1,500 members, of which 250 groups, the next grant fails, often in the middle of a deployment, and people then
    grant one level up because that still works.

    ## What to do
    Grant to groups; remove deleted members; grant on the resource instead of the project.

    ## Known false positives
    None known.

    ## Blind spots
    Quota increases are not known here.
    """
    for resource, policy in inventory.policies:
        members = [member for binding in policy.bindings for member in binding.members]
        if len(members) < 0.8 * _MOST_GROUPS:
            continue
        grouped = len({member for member in members if member.startswith(("group:", "domain:"))})
        if len(members) >= 0.9 * _MOST_PRINCIPALS or grouped >= 0.9 * _MOST_GROUPS:
            yield Match(
                subject="size",
                title=f"The policy of {display(resource)} holds {len(members)} members, {grouped} of them groups",
                resource_name=resource,
                evidence=(AssetRef(resource, policy.etag),),
            )


RULES = (
    public_member,
    external_member,
    privileged_role,
    impersonation_role_on_project,
    impersonation_role_on_service_account,
    workload_pool_wide_grant,
    foreign_pool_member,
    unknown_role,
    group_with_outsiders,
    malformed_member,
    basic_role,
    deleted_member,
    service_agent_role,
    role_to_whole_domain,
    separation_of_duties,
    policy_near_limit,
)
