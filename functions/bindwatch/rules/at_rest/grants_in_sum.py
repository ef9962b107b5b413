"""What the policies of a place say as a whole: roles given to persons, or for everything below it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from bindwatch.access.conditions import Circumstances, evaluate, is_over, refers_to_resource
from bindwatch.access.places import SERVICE_ACCOUNT, account_names
from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.identities import Role
from bindwatch.inventory.resources import Bucket, CryptoKey, Dataset, Secret
from bindwatch.knowledge.escalation import Level, risk_of, satisfied, traits_of
from bindwatch.knowledge.permissions import Trait
from bindwatch.model.change import Run, remedy
from bindwatch.model.cloud_change import SetUniformAccess
from bindwatch.model.finding import AssetRef, Category, Remediation, Severity
from bindwatch.model.policy import Grant
from bindwatch.model.principal import parse_member
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, inventory_rule
from bindwatch.rules import custom_roles, standing
from bindwatch.rules.grant_risk import TAKEOVER, names_somebody, place_of, role_risk, ways_up

_PUBLIC: Final = {"allUsers": "anybody on the internet", "allAuthenticatedUsers": "anybody with a Google account"}


@inventory_rule(
    "roles-to-persons",
    Severity.INFO,
    Category.HYGIENE,
    needs=[Part.POLICIES],
    techniques=["T1098.003"],
    equivalents=["scoutsuite:iam-role-assigned-to-user"],
)
def roles_to_persons(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Roles on a project, a folder or the organization were granted to persons, not to groups.

    ## Why it matters
    Such grants outlive the job they were made for: nobody who leaves a team is taken out of a policy.

    ## What to do
    Grant to groups, and let the directory say who is in them.

    ## Known false positives
    Emergency accounts. It is said once for each place, as INFO.

    ## Blind spots
    Policies of single resources are left out.
    """
    for resource, policy in inventory.policies:
        if place_of(resource)[0] is Level.RESOURCE:
            continue
        persons = {
            member
            for binding in policy.bindings
            for member in binding.members
            if member.startswith("user:") and not context.is_break_glass(parse_member(member))
        }
        if persons:
            yield Match(
                subject="persons",
                title=f"{len(persons)} {'person has' if len(persons) == 1 else 'persons have'} roles of their own on "
                f"{display(resource)}",
                resource_name=resource,
                notes=(f"Among them: {', '.join(sorted(persons)[:5])}.",),
                evidence=(AssetRef(resource, policy.etag),),
            )


@inventory_rule(
    "service-role-above-project",
    Severity.LOW,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1098.003"],
    equivalents=["scc:REDIS_ROLE_USED_ON_ORG", "copl:iamDisableRedisAdminRoles"],
)
def service_role_above_project(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A role that changes or destroys resources of a service was held on a whole folder or organization.

    ## Why it matters
    It holds in every project below, also in those made tomorrow. Databases of production and of a trial are the same.

    ## What to do
    Grant it on the projects that are meant.

    ## Known false positives
    Platform teams that run a service for everybody.

    ## Blind spots
    Roles that lead to takeover have rules of their own and are not said again.
    """
    for resource, policy in inventory.policies:
        level, _ = place_of(resource)
        if level not in (Level.FOLDER, Level.ORGANIZATION):
            continue
        for binding in policy.bindings:
            risk = role_risk(binding.role, context)
            if not risk or ways_up(binding.role, resource, context):
                continue
            if not traits_of(risk) & (Trait.WRITE | Trait.DESTROY):
                continue
            for member in binding.members:
                grant = Grant(binding.role, member, parse_member(member), binding.condition)
                if not names_somebody(grant) or grant.principal.is_service_agent or grant.principal.is_public:
                    continue
                yield Match(
                    subject=standing.subject_of(grant),
                    title=f"{member} holds {binding.role} in everything below {display(resource)}",
                    resource_name=resource,
                    principal=grant.principal.identity,
                    evidence=(AssetRef(resource, policy.etag),),
                    remediation=standing.removal(grant, resource),
                )


@inventory_rule(
    "grant-run-out",
    Severity.INFO,
    Category.HYGIENE,
    needs=[Part.POLICIES],
    techniques=["T1098"],
)
def grant_run_out(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The condition of a grant could not hold any more, or never could where it stands.

    ## Why it matters
    It grants nothing, fills the policy, and comes back to life when somebody edits the condition. A workload that lives
    on it is broken: that is said by a rule of its own.

    ## What to do
    Remove the grant.

    ## Known false positives
    None known.

    ## Blind spots
    Conditions that cannot be evaluated. Of those on the resource, only what is not for the service account is told.
    """
    for resource, policy in inventory.policies:
        for binding in policy.bindings:
            condition = binding.condition
            if condition is None or not condition.expression:
                continue
            over = is_over(condition.expression, context.as_of)
            if not over and not _is_for_another(condition.expression, resource, inventory):
                continue
            for member in binding.members:
                grant = Grant(binding.role, member, parse_member(member), condition)
                yield Match(
                    subject=standing.subject_of(grant),
                    title=f"{binding.role} of {member} on {display(resource)} "
                    + ("has run out" if over else "never holds: its condition is for another resource"),
                    resource_name=resource,
                    principal=grant.principal.identity,
                    evidence=(AssetRef(resource, policy.etag),),
                    remediation=standing.removal(grant, resource, risk="None: the grant has no effect now."),
                )


def _is_for_another(expression: str, resource: str, inventory: Inventory) -> bool:
    """Whether a condition in the policy of a service account surely asks for some other resource."""
    if place_of(resource)[1] != SERVICE_ACCOUNT or not refers_to_resource(expression):
        return False
    return all(
        evaluate(expression, Circumstances(resource_name=name, resource_type=SERVICE_ACCOUNT)) is False
        for name in account_names(resource, inventory)
    )


@inventory_rule(
    "custom-role-leads-up",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.ROLES],
    techniques=["T1098.003"],
    equivalents=["policy-library:iam_custom_role_permissions", "forseti:role_rules"],
)
def custom_role_leads_up(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A custom role held permissions that lead to more than its name says.

    ## Why it matters
    Whoever holds it can become somebody else, or give itself more. A custom role looks harmless in a list.

    ## What to do
    Take the permissions out of the role, or give them in a role of their own.

    ## Known false positives
    Roles made on purpose for administrators.

    ## Blind spots
    Who holds the role is said by the rules for grants. Which permissions your own lists allow is yours to say.
    """
    for role in inventory.all(Role):
        if not role.is_custom or role.deleted or role.is_disabled or not role.permissions:
            continue
        level = Level.ORGANIZATION if role.role.startswith("organizations/") else Level.PROJECT
        paths = [path for path in satisfied(risk_of(role.permissions), level) if path.weight >= standing.COUNTS]
        if not paths:
            continue
        worst = max(paths, key=lambda path: path.weight)
        listed = sorted({name for path in paths for name in path.permissions})
        yield Match(
            subject=role.role,
            title=f"Custom role {role.role} holds {', '.join(listed[:3])}{' and more' if len(listed) > 3 else ''}",
            resource_name=role.name,
            severity=Severity.MEDIUM if worst.cls in TAKEOVER else Severity.LOW,
            notes=tuple(f"{' + '.join(path.permissions)}: {path.why}" for path in paths[:5]),
            evidence=(AssetRef(role.name),),
            remediation=custom_roles.without(role.role, listed),
        )


@inventory_rule(
    "bucket-public-by-acl",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    needs=[Part.BUCKETS],
    techniques=["T1530"],
    equivalents=["scc:PUBLIC_BUCKET_ACL", "prowler:cloudstorage_bucket_public_access"],
)
def bucket_public_by_acl(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The access list of a bucket let everybody in, beside its policy.

    ## Why it matters
    Access lists are older than policies and are not shown with them: the policy looks right, and everybody reads.

    ## What to do
    Switch uniform bucket-level access on, and enforce public access prevention.

    ## Known false positives
    Web sites that are meant for everybody.

    ## Blind spots
    Access lists of single objects.
    """
    for bucket in inventory.all(Bucket):
        if bucket.public_access_prevention == "enforced" or bucket.uniform_access:
            continue
        for entity in sorted(_PUBLIC.keys() & {*bucket.acl, *bucket.object_acl}):
            lets = "lets" if entity in bucket.acl else "for new objects lets"
            yield Match(
                subject=entity,
                title=f"The access list of {display(bucket.name)} {lets} {_PUBLIC[entity]} in",
                resource_name=bucket.name,
                principal=entity,
                evidence=(AssetRef(bucket.name),),
                remediation=_closed(bucket.name),
            )


def _closed(bucket: str) -> Remediation:
    name = bucket.rpartition("/")[2]
    update = ("gcloud", "storage", "buckets", "update", f"gs://{name}")
    return remedy(
        "Let its policy alone decide, and let nothing make it public",
        SetUniformAccess(name),
        Run((*update, "--public-access-prevention"), (*update, "--no-public-access-prevention")),
        risk="Whoever reads through an access list alone, of the bucket or of an object, is refused from then on. "
        "Uniform access can be switched off again for 90 days.",
    )


# Roles on data by the start of their names, and the resources on which Google lets one grant them instead.
_Data = Secret | Bucket | Dataset | CryptoKey
_ON_DATA: Final[Mapping[str, tuple[Callable[[Inventory], tuple[_Data, ...]], str]]] = MappingProxyType(
    {
        "roles/secretmanager.secret": (lambda inventory: inventory.all(Secret), "secrets"),
        "roles/storage.object": (lambda inventory: inventory.all(Bucket), "buckets"),
        "roles/storage.legacy": (lambda inventory: inventory.all(Bucket), "buckets"),
        "roles/bigquery.data": (lambda inventory: inventory.all(Dataset), "datasets"),
        "roles/cloudkms.cryptoKey": (lambda inventory: inventory.all(CryptoKey), "keys"),
    }
)


@inventory_rule(
    "project-wide-data-role",
    Severity.LOW,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1530"],
)
def project_wide_data_role(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A workload held a role on all data of a project, which can be granted on single secrets, buckets or keys.

    ## Why it matters
    A workload reads a secret or two. Held on the project, its role opens all of them, and those made tomorrow: whoever
    takes the workload over has what every other workload of the project keeps.

    ## What to do
    Grant the role on the resources the workload uses, then remove it from the project. `bindwatch least-privilege`
    tells from the logs which ones these are.

    ## Known false positives
    Backups, scanners and data platforms that read everything.

    ## Blind spots
    Said only where the project is seen to hold at least two such resources. Which of them are used no inventory tells.
    Roles that lead to takeover have a rule of their own and are not said again.
    """
    counts = {noun: Counter(item.project for item in items(inventory)) for items, noun in _ON_DATA.values()}
    for resource, policy in inventory.policies:
        if place_of(resource)[0] is not Level.PROJECT:
            continue
        project = inventory.project_of(resource) or resource.rpartition("/")[2]
        for binding in policy.bindings:
            noun = next((noun for start, (_, noun) in _ON_DATA.items() if binding.role.startswith(start)), "")
            if not noun or counts[noun][project] < 2:
                continue
            for member in binding.members:
                grant = Grant(binding.role, member, parse_member(member), binding.condition)
                principal = grant.principal
                if not (principal.is_user_managed_service_account or principal.is_workload) or grant.condition:
                    continue
                if standing.privileged_role(grant, resource, context) is not None:
                    continue
                yield Match(
                    subject=standing.subject_of(grant),
                    title=f"{member} holds {binding.role} on all {counts[noun][project]} {noun} of {display(resource)}",
                    resource_name=resource,
                    principal=principal.identity,
                    evidence=(AssetRef(resource, policy.etag),),
                    remediation=standing.removal(
                        grant, resource, f"Grant {binding.role} on the {noun} that {member} uses, then remove it here"
                    ),
                )


RULES: Final = (
    roles_to_persons,
    project_wide_data_role,
    service_role_above_project,
    grant_run_out,
    custom_role_leads_up,
    bucket_public_by_acl,
)
