"""The grammar of members: every form of allow policies and deny policies, read strictly."""

import re
from collections.abc import Callable
from functools import lru_cache

from msgspec.structs import replace

from bindwatch.model.account_email import account_origin, account_project, is_account_domain
from bindwatch.model.gke_pool import (
    CLUSTER_SET,
    LEGACY_WORKLOAD,
    NAMESPACE_SET,
    NUMBERED_POOL,
    POOLS_OF_PROJECT,
    WORKLOAD_SUBJECT,
    WORKLOAD_UID,
    is_gke_pool,
    project_of_pool,
)
from bindwatch.model.identity import Principal, PrincipalKind
from bindwatch.model.misspelt_member import workload_names

_WORKFORCE_POOLS = "//iam.googleapis.com/locations/global/workforcePools/"
_HIERARCHY = "//cloudresourcemanager.googleapis.com/"
_EXTERNAL_SET = re.compile(r"\*|group/.+|attribute\.[^/]+/.+", re.DOTALL)
_NOT_IN_DOMAIN = re.compile(r"[\s@/:?\[\](){}<>,;\"'\\]")
_NOT_IN_LOCAL = re.compile(r"[\s\[\](){}<>,;:\"\\]")
_SPACE = re.compile(r"\s")
_AGENT_DOMAIN = re.compile(r"agents(?:-[a-z]+)?\.global\.(?:org-[0-9]+|proj-([0-9]+))\.system\.id\.goog", re.ASCII)
_MANAGED_DOMAIN = re.compile(r"(.+)\.global\.([0-9]+)\.workload\.id\.goog", re.ASCII)
_DELETED_KINDS = ("user:", "serviceAccount:", "group:", "principal:", "principalSet:")


def read_member(member: str) -> Principal:
    """Read a member strictly: what IAM would not match is MALFORMED with its problem, and nothing is suggested."""
    if member in ("allUsers", "allAuthenticatedUsers"):
        return Principal(PrincipalKind.PUBLIC, member)
    head, _, rest = member.partition(":")
    reader = _READERS.get(head)
    if reader is not None:
        return reader(member, rest)
    if not member.strip():
        return _malformed(member, "it is empty")
    if member != member.strip():
        return _malformed(member, "white space stands around it")
    return _malformed(member, "it starts with no prefix IAM knows, such as user: or serviceAccount:")


def _malformed(
    member: str,
    problem: str,
    *,
    email: str = "",
    project: str = "",
    project_number: str = "",
    pool: str = "",
    names: tuple[str, str] | None = None,
    subject: str = "",
    selector: str = "",
) -> Principal:
    namespace, account = names or ("", "")
    return Principal(
        PrincipalKind.MALFORMED,
        member,
        email,
        project=project,
        project_number=project_number,
        pool=pool,
        namespace=namespace,
        service_account=account,
        subject=subject,
        selector=selector,
        problem=problem,
    )


def _read_user(member: str, rest: str) -> Principal:
    local, _, domain = rest.lower().partition("@")
    if not local or not _is_domain(domain) or _NOT_IN_LOCAL.search(local):
        return _not_an_email(member, rest)
    if is_account_domain(domain):
        return _service_account(member, local, domain)
    return Principal(PrincipalKind.USER, member, f"{local}@{domain}", domain)


def _read_group(member: str, rest: str) -> Principal:
    local, _, domain = rest.lower().partition("@")
    if not local or not _is_domain(domain) or _NOT_IN_LOCAL.search(local):
        return _not_an_email(member, rest)
    return Principal(PrincipalKind.GROUP, member, f"{local}@{domain}", domain)


def _read_service_account(member: str, rest: str) -> Principal:
    if rest.endswith("]"):
        legacy = LEGACY_WORKLOAD.fullmatch(rest)
        project = project_of_pool(legacy[1]) if legacy else ""
        if legacy is None or not project:
            return _not_an_email(member, rest)
        pool, namespace, account = legacy.groups()
        return Principal(
            PrincipalKind.WORKLOAD, member, project=project, pool=pool, namespace=namespace, service_account=account
        )
    local, _, domain = rest.lower().partition("@")
    if not local or not _is_domain(domain) or _NOT_IN_LOCAL.search(local):
        return _not_an_email(member, rest)
    return _service_account(member, local, domain)


def _service_account(member: str, local: str, domain: str) -> Principal:
    project, number = account_project(local, domain)
    origin = account_origin(local, domain)
    return Principal(PrincipalKind.SERVICE_ACCOUNT, member, f"{local}@{domain}", domain, project, number, origin=origin)


def _not_an_email(member: str, rest: str) -> Principal:
    if not rest.strip():
        return _malformed(member, "nothing stands after the prefix")
    if numbered := NUMBERED_POOL.fullmatch(rest):
        return _malformed(
            member,
            f"the pool of a project is named by its id, not by its number {numbered[1]}",
            project_number=numbered[1],
            pool=rest.partition("[")[0],
            names=_names_in_brackets(rest),
        )
    if "[" in rest or ".id.goog" in rest:
        return _malformed(
            member,
            "a Kubernetes service account is written serviceAccount:PROJECT_ID.svc.id.goog[NAMESPACE/ACCOUNT]",
            pool=pool if (pool := rest.partition("[")[0]).endswith(".id.goog") else "",
            names=_names_in_brackets(rest),
        )
    if "?uid=" in rest:
        return _malformed(member, "only a member that starts with deleted: has a ?uid=", email=rest.partition("?")[0])
    return _malformed(member, "no e-mail address stands after the prefix")


def _names_in_brackets(text: str) -> tuple[str, str] | None:
    return workload_names(text.partition("[")[2].partition("]")[0])


def _read_domain(member: str, rest: str) -> Principal:
    domain = rest.lower()
    if not _is_domain(domain):
        return _malformed(member, "no domain name stands after the prefix")
    return Principal(PrincipalKind.DOMAIN, member, "", domain)


@lru_cache(maxsize=32768)
def _is_domain(text: str) -> bool:
    return bool(text) and not _NOT_IN_DOMAIN.search(text)


def _read_project_role(member: str, rest: str) -> Principal:
    if not rest or _SPACE.search(rest):
        return _malformed(member, "no project stands after the prefix")
    return Principal(PrincipalKind.PROJECT_ROLE, member, project=rest)


def _read_deleted(member: str, rest: str) -> Principal:
    if not rest.startswith(_DELETED_KINDS):
        return _malformed(member, "only users, groups, service accounts and pool identities are kept as deleted")
    living, mark, uid = rest.rpartition("?uid=")
    if not mark:
        living = rest
    elif not _is_number(uid):
        return _malformed(member, "the ?uid= of a deleted member is a number")
    principal = read_member(living)
    if principal.kind is PrincipalKind.MALFORMED:
        return replace(principal, member=member)
    return replace(principal, member=member, deleted=True, uid=uid if mark else "")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _read_principal(member: str, rest: str) -> Principal:
    if rest.startswith(POOLS_OF_PROJECT):
        return _of_project(member, rest[len(POOLS_OF_PROJECT) :], whole=False)
    if rest.startswith(_WORKFORCE_POOLS):
        pool, _, selector = rest[len(_WORKFORCE_POOLS) :].partition("/")
        if not pool or not selector.startswith("subject/") or selector == "subject/":
            return _malformed(member, "after the workforce pool stands subject/SUBJECT", pool=pool, selector=selector)
        return Principal(PrincipalKind.WORKFORCE, member, pool=pool, subject=selector[len("subject/") :])
    if rest.startswith("//goog/"):
        if rest.startswith("//goog/subject/"):
            return _read_user(member, rest[len("//goog/subject/") :])
        return _malformed(member, "the only principal of goog is principal://goog/subject/EMAIL")
    return _of_service(member, rest, whole=False)


def _read_principal_set(member: str, rest: str) -> Principal:
    if rest.startswith(POOLS_OF_PROJECT):
        return _of_project(member, rest[len(POOLS_OF_PROJECT) :], whole=True)
    if rest.startswith(_WORKFORCE_POOLS):
        pool, _, selector = rest[len(_WORKFORCE_POOLS) :].partition("/")
        if not pool or not _EXTERNAL_SET.fullmatch(selector):
            problem = "after the workforce pool stands group/GROUP, attribute.NAME/VALUE or *"
            return _malformed(member, problem, pool=pool, selector=selector)
        return Principal(PrincipalKind.WORKFORCE_SET, member, pool=pool, selector=selector)
    if rest.startswith("//goog/"):
        return _of_google(member, rest[len("//goog/") :])
    if rest.startswith(_HIERARCHY):
        return _of_hierarchy(member, rest[len(_HIERARCHY) :])
    return _of_service(member, rest, whole=True)


def _of_google(member: str, text: str) -> Principal:
    if text == "public:all":
        return Principal(PrincipalKind.PUBLIC, member)
    kind, _, value = text.partition("/")
    if kind == "group":
        return _read_group(member, value)
    if kind == "cloudIdentityCustomerId" and value and "/" not in value and not _SPACE.search(value):
        return Principal(PrincipalKind.CUSTOMER, member, subject=value)
    return _malformed(member, "the sets of goog are public:all, group/EMAIL and cloudIdentityCustomerId/ID")


def _of_hierarchy(member: str, text: str) -> Principal:
    match text.split("/", 2):
        case ["projects" | "folders" | "organizations" as level, number, selector] if _is_number(number) and selector:
            project_number = number if level == "projects" else ""
            return Principal(PrincipalKind.RESOURCE_SET, member, project_number=project_number, selector=selector)
        case ["projects" | "folders" | "organizations" as level, *_]:
            return _malformed(member, f"after {level}/ stand its number and type/ServiceAccount")
        case _:
            return _malformed(member, "projects/, folders/ or organizations/ stands after the service")


def _of_project(member: str, text: str, *, whole: bool) -> Principal:
    parts = text.split("/", 5)
    number = parts[0]
    if len(parts) >= 3 and parts[1] == "serviceAccounts":
        return _account_of_project(member, number, "/".join(parts[2:]), whole=whole)
    if len(parts) < 5 or parts[1:4] != ["locations", "global", "workloadIdentityPools"] or not parts[4]:
        problem = "after the project number stand locations/global/workloadIdentityPools/POOL and a selector"
        return _malformed(member, problem)
    pool = parts[4]
    selector = parts[5] if len(parts) == 6 else ""
    if is_gke_pool(pool):
        return _of_gke_pool(member, number, pool, selector, whole=whole)
    if not _is_number(number):
        return _malformed(member, _id_for_number(number), pool=pool, selector=selector)
    if whole:
        if not _EXTERNAL_SET.fullmatch(selector):
            problem = "after the pool of a principalSet stands group/GROUP, attribute.NAME/VALUE or *"
            return _malformed(member, problem, project_number=number, pool=pool, selector=selector)
        return Principal(PrincipalKind.FEDERATED_SET, member, project_number=number, pool=pool, selector=selector)
    if not selector.startswith("subject/") or selector == "subject/":
        problem = "after the pool of a principal stands subject/SUBJECT"
        return _malformed(member, problem, project_number=number, pool=pool, selector=selector)
    return Principal(
        PrincipalKind.FEDERATED, member, project_number=number, pool=pool, subject=selector[len("subject/") :]
    )


def _account_of_project(member: str, project: str, email: str, *, whole: bool) -> Principal:
    local, _, domain = email.lower().partition("@")
    if not is_account_domain(domain) or not local or whole or project != "-" or _NOT_IN_LOCAL.search(local):
        problem = "a service account is written principal://iam.googleapis.com/projects/-/serviceAccounts/EMAIL"
        return _malformed(member, problem, email=email.lower() if "@" in email else "")
    return _service_account(member, local, domain)


def _id_for_number(project: str) -> str:
    return f"the project number belongs after projects/, not the project id {project}"


def _of_gke_pool(member: str, number: str, pool: str, selector: str, *, whole: bool) -> Principal:
    project = project_of_pool(pool)
    problem = ""
    if not project:
        problem = "the pool of a GKE cluster is PROJECT_ID.svc.id.goog, with the id of the project in lower case"
        if numbered := NUMBERED_POOL.fullmatch(pool):
            problem = f"the pool of a project is named by its id, not by its number {numbered[1]}"
    elif not _is_number(number):
        problem = _id_for_number(number)
    elif whole:
        if selector == "*" or CLUSTER_SET.fullmatch(selector):
            return Principal(
                PrincipalKind.WORKLOAD_SET,
                member,
                project=project,
                project_number=number,
                pool=pool,
                selector=selector,
            )
        if named := NAMESPACE_SET.fullmatch(selector):
            return Principal(
                PrincipalKind.WORKLOAD_SET,
                member,
                project=project,
                project_number=number,
                pool=pool,
                namespace=named[1],
                selector=selector,
            )
        problem = "the sets of a GKE pool are namespace/NAMESPACE, kubernetes.cluster/https://… and *"
    elif workload := WORKLOAD_SUBJECT.fullmatch(selector):
        return Principal(
            PrincipalKind.WORKLOAD,
            member,
            project=project,
            project_number=number,
            pool=pool,
            namespace=workload[1],
            service_account=workload[2],
        )
    elif by_uid := WORKLOAD_UID.fullmatch(selector):
        return Principal(
            PrincipalKind.WORKLOAD,
            member,
            project=project,
            project_number=number,
            pool=pool,
            ksa_uid=by_uid[1],
        )
    else:
        problem = "the selector is subject/ns/NAMESPACE/sa/ACCOUNT or kubernetes.serviceaccount.uid/UID"
    return _malformed(
        member,
        problem,
        project=project,
        project_number=number if _is_number(number) else "",
        pool=pool,
        names=None if selector.startswith(("kubernetes.", "group/", "attribute.")) else workload_names(selector),
        selector=selector if whole else "",
    )


def _of_service(member: str, rest: str, *, whole: bool) -> Principal:
    """Identities that resources and agents have of their own: the host names the service or the trust domain."""
    host, _, path = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not host or not path or _SPACE.search(host):
        return _malformed(member, f"after {'principalSet' if whole else 'principal'}: stands //SERVICE/PATH")
    if agents := _AGENT_DOMAIN.fullmatch(host):
        number = agents[1] or ""
        if whole:
            return Principal(PrincipalKind.AGENT_SET, member, project_number=number, pool=host, selector=path)
        return Principal(PrincipalKind.AGENT, member, project_number=number, pool=host, subject=path)
    if managed := _MANAGED_DOMAIN.fullmatch(host):
        pool, number = managed.groups()
        if whole:
            return Principal(PrincipalKind.FEDERATED_SET, member, project_number=number, pool=pool, selector=path)
        return Principal(PrincipalKind.FEDERATED, member, project_number=number, pool=pool, subject=path)
    if not host.endswith(".googleapis.com") or host == "iam.googleapis.com":
        return _malformed(member, f"{host}/{path.partition('/')[0]} issues no identities that IAM knows")
    _, _, below = path.partition("projects/")
    number, _, tail = below.partition("/")
    number = number if _is_number(number) and path.startswith("projects/") else ""
    if whole:
        selector = tail if number else path
        return Principal(PrincipalKind.RESOURCE_SET, member, project_number=number, selector=selector)
    return Principal(PrincipalKind.RESOURCE, member, project_number=number, subject=path)


_READERS: dict[str, Callable[[str, str], Principal]] = {
    "user": _read_user,
    "group": _read_group,
    "serviceAccount": _read_service_account,
    "domain": _read_domain,
    "projectOwner": _read_project_role,
    "projectEditor": _read_project_role,
    "projectViewer": _read_project_role,
    "principal": _read_principal,
    "principalSet": _read_principal_set,
    "deleted": _read_deleted,
}
