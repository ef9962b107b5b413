"""Principals: one parsed value for every way IAM, deny policies, logs and Kubernetes write an identity."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from bindwatch.model.account_email import AccountOrigin, account_origin, account_project, is_account_domain
from bindwatch.model.misspelt_member import repair, workload_names


class PrincipalKind(StrEnum):
    """What kind of identity a member names. The `*_SET` kinds name many identities by a selector."""

    USER = "user"
    GROUP = "group"
    SERVICE_ACCOUNT = "service-account"
    DOMAIN = "domain"
    PUBLIC = "public"
    PROJECT_ROLE = "project-role"
    CUSTOMER = "customer"
    WORKLOAD = "workload"
    WORKLOAD_SET = "workload-set"
    FEDERATED = "federated"
    FEDERATED_SET = "federated-set"
    WORKFORCE = "workforce"
    WORKFORCE_SET = "workforce-set"
    RESOURCE = "resource"
    RESOURCE_SET = "resource-set"
    AGENT = "agent"
    AGENT_SET = "agent-set"
    KUBERNETES = "kubernetes"
    MALFORMED = "malformed"


_SETS = frozenset(kind for kind in PrincipalKind if kind.endswith("-set"))
_FEDERATED = frozenset(
    {PrincipalKind.FEDERATED, PrincipalKind.FEDERATED_SET, PrincipalKind.WORKFORCE, PrincipalKind.WORKFORCE_SET}
)
_CONSUMER_DOMAINS = frozenset({"gmail.com", "googlemail.com", "googlegroups.com"})
_DEFAULT_ORIGINS = frozenset(
    {AccountOrigin.COMPUTE_DEFAULT, AccountOrigin.APP_ENGINE_DEFAULT, AccountOrigin.CLOUD_BUILD}
)


@dataclass(frozen=True, slots=True)
class Principal:
    """One parsed member; what its form does not tell is empty. Compare principals by `identity`, not by `member`.

    A MALFORMED one keeps whatever could still be read from it, so that a search for the intended one has something
    to go by. Grammar: https://cloud.google.com/iam/docs/principal-identifiers and, for deny policies,
    https://cloud.google.com/iam/docs/deny-overview.
    """

    kind: PrincipalKind
    member: str
    """The text as written; for an e-mail of a log, the member it corresponds to."""
    email: str = ""
    domain: str = ""
    project: str = ""
    """Project id, `example.com:id` for one of a domain: the home of a service account, or of a workload's pool."""
    project_number: str = ""
    pool: str = ""
    """Pool id (`PROJECT_ID.svc.id.goog` for GKE), workforce pool id, or the trust domain of an agent identity."""
    namespace: str = ""
    service_account: str = ""
    """Name of the Kubernetes service account."""
    ksa_uid: str = ""
    subject: str = ""
    selector: str = ""
    """What a set selects: `*`, `namespace/NS`, `group/G`, `attribute.NAME/VALUE`, `kubernetes.cluster/URL`…"""
    deleted: bool = False
    uid: str = ""
    problem: str = ""
    """MALFORMED: what is wrong with it, for a person who will correct it."""
    likely: str = ""
    """MALFORMED: the valid member that was probably meant, where the text alone tells."""

    def __str__(self) -> str:
        return self.member

    @property
    def identity(self) -> str:
        """The same for two spellings of one identity, different for two identities.

        Legacy and direct spelling of a workload, allow and deny spelling of an account, and the case of an e-mail
        do not matter. `principal://goog/subject/E` is read as a service account when its domain is one, else as a
        user. A deleted identity differs from a living one of the same name, and from an earlier deleted one.
        """
        name = self._living_identity()
        if not self.deleted:
            return name
        return f"deleted:{name}?uid={self.uid}" if self.uid else f"deleted:{name}"

    def _living_identity(self) -> str:
        match self.kind:
            case PrincipalKind.USER | PrincipalKind.GROUP:
                return f"{self.kind.value}:{self.email}"
            case PrincipalKind.SERVICE_ACCOUNT:
                return f"serviceAccount:{self.email}"
            case PrincipalKind.DOMAIN:
                return f"domain:{self.domain}"
            case PrincipalKind.PUBLIC:
                return "allAuthenticatedUsers" if self.member == "allAuthenticatedUsers" else "allUsers"
            case PrincipalKind.CUSTOMER:
                return f"cloudIdentityCustomerId:{self.subject}"
            case PrincipalKind.WORKLOAD if self.service_account:
                return f"serviceAccount:{self.pool}[{self.namespace}/{self.service_account}]"
            case PrincipalKind.WORKLOAD:
                return f"{self.pool}/kubernetes.serviceaccount.uid/{self.ksa_uid}"
            case PrincipalKind.WORKLOAD_SET:
                return f"{self.pool}/{self.selector}"
            case _:
                return self.member.removeprefix("deleted:")

    @property
    def is_public(self) -> bool:
        """Whether anybody on the internet, or anybody with a Google account, is meant."""
        return self.kind is PrincipalKind.PUBLIC

    @property
    def is_workload(self) -> bool:
        """Whether this is one Kubernetes service account of a GKE or fleet pool, in either spelling."""
        return self.kind is PrincipalKind.WORKLOAD

    @property
    def is_set(self) -> bool:
        """Whether this is a set of identities of a pool, of resources or of agents (not a group or a domain)."""
        return self.kind in _SETS

    @property
    def is_federated(self) -> bool:
        """Whether this is an identity, or a set, of an external provider: a workload (not GKE) or workforce pool."""
        return self.kind in _FEDERATED

    @property
    def is_whole_pool(self) -> bool:
        """Whether every identity of a pool is meant."""
        return self.selector == "*" and self.kind in _SETS and bool(self.pool)

    @property
    def is_service_agent(self) -> bool:
        """Whether Google runs this service account. Decided by its domain: anyone may name one `service-123`."""
        return self._origin() is AccountOrigin.AGENT

    @property
    def is_default_service_account(self) -> bool:
        """Whether this is the Compute Engine or App Engine default account, or the legacy one of Cloud Build."""
        return self._origin() in _DEFAULT_ORIGINS

    @property
    def is_user_managed_service_account(self) -> bool:
        """Whether people made this service account in a project of theirs."""
        return self._origin() is AccountOrigin.USER_MANAGED

    def _origin(self) -> AccountOrigin | None:
        if self.kind is not PrincipalKind.SERVICE_ACCOUNT:
            return None
        return account_origin(self.email[: -len(self.domain) - 1], self.domain)

    @property
    def is_consumer(self) -> bool:
        """Whether this is a private Google account or group, which no organization governs."""
        return self.domain in _CONSUMER_DOMAINS

    @property
    def is_malformed(self) -> bool:
        """Whether IAM can match nobody with this member as it is written."""
        return self.kind is PrincipalKind.MALFORMED

    @property
    def legacy_member(self) -> str:
        """`serviceAccount:POOL[NS/KSA]` for a workload; "" where pool, namespace or account are not told."""
        if self.pool and self.namespace and self.service_account:
            return f"serviceAccount:{self.pool}[{self.namespace}/{self.service_account}]"
        return ""

    def direct_member(self, project_number: str = "") -> str:
        """`principal://…/subject/ns/NS/sa/KSA` for a workload; "" where a part is not told.

        `project_number` is that of the pool's project, which the legacy spelling does not carry.
        """
        number = project_number or self.project_number
        if not (number and self.legacy_member):
            return ""
        return (
            f"principal:{_POOLS_OF_PROJECT}{number}/locations/global/workloadIdentityPools/{self.pool}"
            f"/subject/ns/{self.namespace}/sa/{self.service_account}"
        )


def workload_identity_member(pool_project: str, namespace: str, ksa: str) -> str:
    """The legacy member of a Kubernetes service account in the pool of the project with this id."""
    return f"serviceAccount:{pool_project}.svc.id.goog[{namespace}/{ksa}]"


@lru_cache(maxsize=65536)
def parse_member(member: str) -> Principal:
    """Read a member of a policy. Never raises: what is no member becomes a MALFORMED principal that says why."""
    principal = _read(member)
    return principal if principal.kind is not PrincipalKind.MALFORMED else _with_likely(principal)


@lru_cache(maxsize=8192)
def parse_subject(subject: str) -> Principal | None:
    """Read `authenticationInfo.principalSubject`; None for "".

    Security Token Service logs the bare subject of the external token (a GUID, an ARN, an e-mail): that is FEDERATED
    with nothing but its `subject`.
    """
    if not subject:
        return None
    principal = parse_member(subject)
    if principal.kind is not PrincipalKind.MALFORMED:
        return principal
    if freeform := _FREEFORM_SUBJECT.fullmatch(subject):
        if principal.pool:
            return principal
        return Principal(PrincipalKind.FEDERATED, subject, pool=freeform[1], subject=freeform[2])
    if subject.startswith(_KNOWN_PREFIXES):
        return principal
    return Principal(PrincipalKind.FEDERATED, subject, subject=subject)


@lru_cache(maxsize=8192)
def parse_email(email: str) -> Principal | None:
    """Read `authenticationInfo.principalEmail`, which Kubernetes fills with its user names; None for ""."""
    if not email:
        return None
    if email.startswith("system:"):
        return _kubernetes_user(email)
    local, _, domain = email.partition("@")
    if local and domain and ":" not in local:
        prefix = "serviceAccount" if is_account_domain(domain.lower()) else "user"
        return parse_member(f"{prefix}:{email}")
    if "[" in email and not email.startswith("serviceAccount:"):
        return parse_member(f"serviceAccount:{email}")
    return parse_member(email)


# What follows reads strictly, without suggesting anything; most members take the first few lines of one function.

_POOLS_OF_PROJECT = "//iam.googleapis.com/projects/"
_WORKFORCE_POOLS = "//iam.googleapis.com/locations/global/workforcePools/"
_HIERARCHY = "//cloudresourcemanager.googleapis.com/"
_NAMESPACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ACCOUNT = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
# PROJECT.svc.id.goog, example.com:PROJECT.svc.id.goog, and PROJECT.UNIVERSE.svc.id.goog of sovereign clouds (that form
# is not verified); fleets of the first generation had PROJECT.hub.id.goog.
_POOL = (
    r"(?:([a-z0-9][a-z0-9.-]*):)?([a-z](?:[a-z0-9-]*[a-z0-9])?)"
    r"(?:\.(?!(?:svc|iam|hub)\.)([a-z][a-z0-9-]*))?\.(?:svc|hub)\.id\.goog"
)
_LEGACY = re.compile(rf"({_POOL})\[({_NAMESPACE})/({_ACCOUNT})\]", re.ASCII)
_GKE_POOL = re.compile(_POOL, re.ASCII)
_NUMBERED_POOL = re.compile(r"([0-9]+)\.(?:svc|hub)\.id\.goog.*", re.ASCII | re.DOTALL)
_GKE_SUBJECT = re.compile(rf"subject/ns/({_NAMESPACE})/sa/({_ACCOUNT})", re.ASCII)
_GKE_NAMESPACE = re.compile(rf"namespace/({_NAMESPACE})", re.ASCII)
_KSA_UID = re.compile(r"kubernetes\.serviceaccount\.uid/([^/\s]+)")
_CLUSTER = re.compile(r"kubernetes\.cluster/https://[^\s/]+/\S+")
_EXTERNAL_SET = re.compile(r"\*|group/.+|attribute\.[^/]+/.+", re.DOTALL)
_NOT_IN_DOMAIN = re.compile(r"[\s@/:?\[\](){}<>,;\"'\\]")
_NOT_IN_LOCAL = re.compile(r"[\s\[\](){}<>,;:\"\\]")
_SPACE = re.compile(r"\s")
_FREEFORM_SUBJECT = re.compile(r"serviceAccount:([^\[\]@]+)\[(.+)\]", re.DOTALL)
_AGENT_DOMAIN = re.compile(r"agents(?:-[a-z]+)?\.global\.(?:org-[0-9]+|proj-([0-9]+))\.system\.id\.goog", re.ASCII)
_MANAGED_DOMAIN = re.compile(r"(.+)\.global\.([0-9]+)\.workload\.id\.goog", re.ASCII)
_DELETED_KINDS = ("user:", "serviceAccount:", "group:", "principal:", "principalSet:")
_KNOWN_PREFIXES = ("user:", "serviceAccount:", "group:", "domain:", "principal:", "principalSet:", "deleted:")


def _read(member: str) -> Principal:
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
    selector: str = "",
) -> Principal:
    namespace, account = names or ("", "")
    return Principal(
        PrincipalKind.MALFORMED,
        member,
        email=email,
        project=project,
        project_number=project_number,
        pool=pool,
        namespace=namespace,
        service_account=account,
        selector=selector,
        problem=problem,
    )


def _with_likely(principal: Principal) -> Principal:
    """Add what was probably meant, and what can be read from that."""
    meant = repair(principal.member)
    if meant is None:
        return principal
    likely = _read(meant.member)
    if likely.kind is PrincipalKind.MALFORMED:
        # Half repaired: still worth having the names it shows.
        return replace(likely, member=principal.member, problem="; ".join({meant.problem: 0, likely.problem: 0}))
    return replace(
        likely,
        kind=PrincipalKind.MALFORMED,
        member=principal.member,
        problem=meant.problem or principal.problem,
        likely=meant.member,
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
    local, _, domain = rest.lower().partition("@")
    if local and _is_domain(domain) and not _NOT_IN_LOCAL.search(local):
        return _service_account(member, local, domain)
    legacy = _LEGACY.fullmatch(rest)
    if legacy is None:
        return _not_an_email(member, rest)
    pool, scope, project, universe, namespace, account = legacy.groups()
    scope = scope or universe
    return Principal(
        PrincipalKind.WORKLOAD,
        member,
        project=f"{scope}:{project}" if scope else project,
        pool=pool,
        namespace=namespace,
        service_account=account,
    )


def _service_account(member: str, local: str, domain: str) -> Principal:
    project, number = account_project(local, domain)
    return Principal(PrincipalKind.SERVICE_ACCOUNT, member, f"{local}@{domain}", domain, project, number)


def _not_an_email(member: str, rest: str) -> Principal:
    if not rest.strip():
        return _malformed(member, "nothing stands after the prefix")
    if numbered := _NUMBERED_POOL.fullmatch(rest):
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


@lru_cache(maxsize=16384)
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
    principal = _read(living)
    if principal.kind is PrincipalKind.MALFORMED:
        return replace(principal, member=member)
    return replace(principal, member=member, deleted=True, uid=uid if mark else "")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _read_principal(member: str, rest: str) -> Principal:
    if rest.startswith(_POOLS_OF_PROJECT):
        return _of_project(member, rest[len(_POOLS_OF_PROJECT) :], whole=False)
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
    if rest.startswith(_POOLS_OF_PROJECT):
        return _of_project(member, rest[len(_POOLS_OF_PROJECT) :], whole=True)
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
    if pool.lower().endswith((".svc.id.goog", ".hub.id.goog")):
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


@lru_cache(maxsize=16384)
def _project_of_pool(pool: str) -> str:
    """The project id of a GKE pool, "" when the pool is not named as one."""
    parsed = _GKE_POOL.fullmatch(pool)
    if parsed is None:
        return ""
    scope = parsed[1] or parsed[3]
    return f"{scope}:{parsed[2]}" if scope else parsed[2]


def _of_gke_pool(member: str, number: str, pool: str, selector: str, *, whole: bool) -> Principal:
    project = _project_of_pool(pool)
    problem = ""
    if not project:
        problem = "the pool of a GKE cluster is PROJECT_ID.svc.id.goog, with the id of the project in lower case"
        if numbered := _NUMBERED_POOL.fullmatch(pool):
            problem = f"the pool of a project is named by its id, not by its number {numbered[1]}"
    elif not _is_number(number):
        problem = _id_for_number(number)
    elif whole:
        if selector == "*" or _CLUSTER.fullmatch(selector):
            return Principal(
                PrincipalKind.WORKLOAD_SET,
                member,
                project=project,
                project_number=number,
                pool=pool,
                selector=selector,
            )
        if named := _GKE_NAMESPACE.fullmatch(selector):
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
    elif workload := _GKE_SUBJECT.fullmatch(selector):
        return Principal(
            PrincipalKind.WORKLOAD,
            member,
            project=project,
            project_number=number,
            pool=pool,
            namespace=workload[1],
            service_account=workload[2],
        )
    elif by_uid := _KSA_UID.fullmatch(selector):
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


def _kubernetes_user(name: str) -> Principal:
    match name.split(":"):
        case ["system", "serviceaccount", namespace, account]:
            return Principal(PrincipalKind.KUBERNETES, name, namespace=namespace, service_account=account)
        case _:
            return Principal(PrincipalKind.KUBERNETES, name, subject=name)


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
