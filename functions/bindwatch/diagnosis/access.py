"""Whether an identity holds a permission on a resource: by which bindings, and what stands in the way."""

from collections.abc import Iterable
from dataclasses import dataclass

from bindwatch.access.conditions import Circumstances, evaluate
from bindwatch.diagnosis.case import Case, Inputs, is_account
from bindwatch.inventory import Part
from bindwatch.model.policy import Binding
from bindwatch.model.resource import path_of, service_of

_TYPES = {
    "iam.googleapis.com": "iam.googleapis.com/ServiceAccount",
    "storage.googleapis.com": "storage.googleapis.com/Bucket",
    "secretmanager.googleapis.com": "secretmanager.googleapis.com/Secret",
    "cloudresourcemanager.googleapis.com": "cloudresourcemanager.googleapis.com/Project",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One binding that names the identity: where, and as which member."""

    resource: str
    binding: Binding
    member: str


@dataclass(frozen=True, slots=True)
class Access:
    """What the bindings that name an identity say of one permission on one resource."""

    held: tuple[Grant, ...] = ()
    """Bindings that give it, now."""
    unmet: tuple[Grant, ...] = ()
    """Bindings that would, if their condition held."""
    undecided: tuple[Grant, ...] = ()
    """Bindings whose condition cannot be evaluated from here."""
    without: tuple[Grant, ...] = ()
    """Bindings whose role does not have the permission."""
    unknown_roles: tuple[Grant, ...] = ()
    """Bindings of roles that the catalogue does not know."""
    groups: tuple[str, ...] = ()
    """Groups that have the permission there and whose members the input does not tell."""


def circumstances(case: Case, resource: str, permission: str = "") -> Circumstances:
    """What is known of a request on a resource now; of one on some object of a bucket, not which.

    Names are those that conditions see: buckets without a project, secrets with its number. Source: IAM documentation,
    resource attributes of conditions.
    """
    service = service_of(resource)
    name: str | None = path_of(resource)
    kind = _TYPES.get(service) if is_account(resource) or service != "iam.googleapis.com" else None
    if service == "storage.googleapis.com":
        on_object = permission.startswith("storage.objects.") and permission != "storage.objects.list"
        if "/objects/" in resource or on_object:
            kind = "storage.googleapis.com/Object"
        name = f"projects/_/buckets/{name}" if "/objects/" in resource or not on_object else None
    elif service == "secretmanager.googleapis.com":
        project = case.inventory.project_of(resource)
        number = case.inventory.project_number(project)
        name = f"projects/{number}/{path_of(resource).partition(f'{project}/')[2]}" if number else None
        if "/versions/" in resource:
            kind = "secretmanager.googleapis.com/SecretVersion"
    return Circumstances(time=case.as_of, resource_name=name, resource_type=kind, resource_service=service or None)


def judge(case: Case, grants: Iterable[Grant], permission: str, resource: str) -> Access:
    """Sort the bindings that name an identity by what they do for one permission on one resource, or a part of it."""
    roles = case.inputs.roles
    held: list[Grant] = []
    unmet: list[Grant] = []
    undecided: list[Grant] = []
    without: list[Grant] = []
    unknown: list[Grant] = []
    for grant in grants:
        carries = roles.holds(grant.binding.role, permission)
        if carries is None:
            unknown.append(grant)
        elif not carries:
            without.append(grant)
        elif grant.binding.condition is None or not grant.binding.condition.expression:
            held.append(grant)
        else:
            answer = evaluate(grant.binding.condition.expression, circumstances(case, resource, permission))
            (held if answer else undecided if answer is None else unmet).append(grant)
    return Access(tuple(held), tuple(unmet), tuple(undecided), tuple(without), tuple(unknown))


def workload_access(case: Case, permission: str, resource: str, named: str = "") -> Access:
    """What the workload itself holds on a resource; `named` is the part of it that is wanted (an object)."""
    around = frozenset(case.inventory.ancestors(resource))
    grants = [Grant(item.resource, item.binding, item.member) for item in case.grants if item.resource in around]
    for where, binding in case.inventory.grants_of("allUsers"):
        if where in around:
            grants.append(Grant(where, binding, "allUsers"))
    return judge(case, grants, permission, named or resource)


def account_access(case: Case, email: str, permission: str, resource: str, named: str = "") -> Access:
    """What a service account holds on a resource, by itself and through groups; `named` as for a workload."""
    around = frozenset(case.inventory.ancestors(resource))
    members = [f"serviceAccount:{email}", "allUsers", "allAuthenticatedUsers"]
    members += [f"group:{group}" for group in _groups_of(case.inputs, email)]
    number = case.inventory.project_number(case.inventory.project_of(case.inventory.service_account_name(email)))
    if number:
        members.append(f"principalSet://cloudresourcemanager.googleapis.com/projects/{number}/type/ServiceAccount")
    grants = [
        Grant(where, binding, member)
        for member in members
        for where, binding in case.inventory.grants_of(member)
        if where in around
    ]
    access = judge(case, grants, permission, named or resource)
    if access.held:
        return access
    return Access(
        access.held, access.unmet, access.undecided, access.without, access.unknown_roles,
        _unknown_groups(case, permission, around),
    )  # fmt: skip


def final_access(case: Case, permission: str, resource: str, named: str = "") -> Access:
    """What the identity that asks the target holds there: the account's, else the workload's."""
    if case.email:
        return account_access(case, case.email, permission, resource, named)
    return workload_access(case, permission, resource, named)


def _groups_of(inputs: Inputs, email: str) -> list[str]:
    """The groups an account is in, through other groups too, as far as the input tells members."""
    from bindwatch.inventory.hierarchy import Group

    groups = inputs.inventory.all(Group)
    found: list[str] = []
    wanted = [f"serviceAccount:{email}"]
    while wanted:
        member = wanted.pop()
        for group in groups:
            if member in group.members and group.email not in found:
                found.append(group.email)
                wanted.append(f"group:{group.email}")
    return found


def _unknown_groups(case: Case, permission: str, around: frozenset[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for resource in around:
        policy = case.inventory.policy(resource)
        for binding in policy.bindings if policy is not None else ():
            if case.inputs.roles.holds(binding.role, permission) is False:
                continue
            for member in binding.members:
                if member.startswith("group:") and case.inventory.group(member[6:]) is None:
                    found[member[6:]] = None
    return tuple(found)


def unseen_policies(case: Case, resource: str) -> str:
    """Whose policy would have to be seen to say that somebody lacks something there; '' where all were."""
    if case.inventory.policy(resource) is None and not case.seen(Part.POLICIES, resource):
        return case.needs(Part.POLICIES, resource)
    if case.inventory.is_partial(resource):
        return f"the whole policy of {path_of(resource)}: the input has a search result"
    return ""
