"""Who calls, from where they come, and what they could do: what decides how much a call weighs."""

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.hierarchy import Organization
from bindwatch.knowledge.score import Exposure
from bindwatch.model.finding import Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import Principal, PrincipalKind
from bindwatch.rule import Context

_PEOPLE = frozenset({PrincipalKind.USER, PrincipalKind.WORKFORCE})
_OF_PEOPLE = frozenset({*_PEOPLE, PrincipalKind.GROUP})
WITH_DOMAIN = frozenset({PrincipalKind.USER, PrincipalKind.GROUP, PrincipalKind.DOMAIN})
"""Who is known by a domain: people, their groups, everybody of it."""
_MANY = frozenset(
    {
        PrincipalKind.PUBLIC,
        PrincipalKind.DOMAIN,
        PrincipalKind.CUSTOMER,
        PrincipalKind.WORKLOAD_SET,
        PrincipalKind.FEDERATED_SET,
        PrincipalKind.WORKFORCE_SET,
        PrincipalKind.RESOURCE_SET,
        PrincipalKind.AGENT_SET,
    }
)


def is_person(principal: Principal | None) -> bool:
    """Whether a human signed in: a Google account, or one of a workforce pool."""
    return principal is not None and principal.kind in _PEOPLE


def is_expected(principal: Principal | None, context: Context) -> bool:
    """Whether the caller is one whose job this is: Google's own agents, and the automation the settings name."""
    return principal is not None and (principal.is_service_agent or context.is_automation(principal))


def is_outsider(principal: Principal | None, context: Context) -> bool | None:
    """Whether an identity is not of the organization; None where nothing at hand tells.

    A private Google account is always outside. Domains are judged by the settings, else by the organizations of the
    inventory; user-managed service accounts by their project. Google's agents and pool identities are not judged here.
    """
    if principal is None:
        return None
    if principal.kind in WITH_DOMAIN:
        known = _knows_domain(principal.domain, context)
        return True if known is None and principal.is_consumer else None if known is None else not known
    if principal.is_user_managed_service_account and principal.project:
        return _is_foreign_project(principal.project, context)
    return None


def knows_home(context: Context) -> bool:
    """Whether anything at hand tells which domains are the organization's."""
    return bool(context.trusted_domains or (context.inventory is not None and _homes(context.inventory)))


def _homes(inventory: Inventory) -> list[str]:
    return [item.display_name.lower() for item in inventory.all(Organization) if item.display_name]


def _knows_domain(domain: str, context: Context) -> bool | None:
    known = context.is_trusted_domain(domain)
    if known is None and context.inventory is not None:
        homes = _homes(context.inventory)
        if homes:
            return any(domain == home or domain.endswith("." + home) for home in homes)
    return known


def _is_foreign_project(project: str, context: Context) -> bool | None:
    scope, colon, _ = project.partition(":")
    if colon and (known := _knows_domain(scope, context)) is not None:
        return not known
    if project in context.trusted_projects:
        return False
    inventory = context.inventory
    if inventory is not None and _lists_all_projects(inventory):
        return inventory.project(project) is None
    return True if context.trusted_projects else None


def _lists_all_projects(inventory: Inventory) -> bool:
    """Whether a project that is not in the inventory is not in the organization."""
    return any(inventory.has(Part.PROJECTS, item.name) for item in inventory.all(Organization))


def is_foreign_pool(principal: Principal, home: str, context: Context) -> bool | None:
    """Whether a pool identity comes from a pool of another project than `home`; None where the numbers do not tell."""
    inventory = context.inventory
    if inventory is not None and principal.pool and inventory.clusters_of_pool(principal.pool):
        return False  # a cluster of ours is in it: the pool of our fleet, whose host project may not be in the input
    project = principal.project
    if not project and principal.project_number and inventory is not None:
        known = inventory.project(principal.project_number)
        if known is None:
            return True if _lists_all_projects(inventory) else None
        project = known.id
    if not project or not home:
        return None
    if project == home or project in context.trusted_projects:
        return False
    return not (inventory is not None and inventory.project(project) is not None)


def right_number(principal: Principal, context: Context) -> str:
    """The number of the project whose GKE pool a member names, where the member has that of another; else ''.

    IAM takes such a member: it is well spelled, and no workload is ever it.
    """
    home, found, _ = principal.pool.partition(".svc.id.goog")
    if context.inventory is None or not found or not principal.project_number:
        return ""
    number = context.inventory.project_number(home)
    return number if number != principal.project_number else ""


def exposure_of(principal: Principal, context: Context) -> Exposure:
    """How many could come to act as a member of a policy."""
    if principal.kind in _MANY:
        return _exposure_of_many(principal, context)
    if is_outsider(principal, context):
        return Exposure.EXTERNAL
    if principal.is_service_agent:
        return Exposure.SERVICE_AGENT
    return Exposure.PERSON if principal.kind in _OF_PEOPLE else Exposure.WORKLOAD


def _exposure_of_many(principal: Principal, context: Context) -> Exposure:
    match principal.kind:
        case PrincipalKind.PUBLIC:
            return Exposure.PUBLIC
        case PrincipalKind.DOMAIN | PrincipalKind.CUSTOMER:
            return Exposure.EXTERNAL if is_outsider(principal, context) else Exposure.DOMAIN
        case PrincipalKind.WORKLOAD_SET | PrincipalKind.FEDERATED_SET | PrincipalKind.WORKFORCE_SET:
            return Exposure.WHOLE_POOL if principal.is_whole_pool else Exposure.PART_OF_POOL
        case _:
            return Exposure.PART_OF_POOL


def weight_of_caller(entry: LogEntry, context: Context) -> tuple[Severity, str]:
    """How much an act that people and pipelines also do rightly weighs, by who does it; and why, in words."""
    caller = entry.caller
    if caller is None:
        return Severity.LOW, "the log does not name the caller"
    if context.is_break_glass(caller):
        return Severity.MEDIUM, "the caller is an emergency account"
    if is_outsider(caller, context):
        return Severity.HIGH, "the caller is not of this organization"
    if is_expected(caller, context):
        return Severity.INFO, "the caller is named as automation, or an agent of Google's"
    if is_person(caller):
        return Severity.LOW, "the caller is a person"
    if caller.is_default_service_account:
        return Severity.LOW, "the caller is a default service account, which every workload of its project shares"
    return Severity.INFO, "the caller is a workload"


def project_of_caller(caller: Principal, context: Context) -> str:
    """The project a service account or workload belongs to: its id, or the number where only that is told; else ''."""
    if caller.project:
        return caller.project
    if not caller.project_number:
        return ""
    return caller.project_number if context.inventory is None else context.inventory.project_id(caller.project_number)


def same_project(left: str, right: str, context: Context) -> bool | None:
    """Whether two project ids or numbers name one project; None where one is missing or an unmapped number."""
    if not left or not right:
        return None
    if left == right:
        return True
    if context.inventory is not None:
        left, right = context.inventory.project_id(left), context.inventory.project_id(right)
        if left == right:
            return True
    return None if left.isdigit() != right.isdigit() else False
