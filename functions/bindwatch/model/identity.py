"""The value of a parsed member: what kind of identity it is, and what its form tells about it."""

from enum import StrEnum

import msgspec

from bindwatch.model.account_email import AccountOrigin
from bindwatch.model.gke_pool import POOLS_OF_PROJECT


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


# Before Python 3.12, looking a member up in its class takes longer than comparing it, and these are asked all the time.
_USER = PrincipalKind.USER
_GROUP = PrincipalKind.GROUP
_SERVICE_ACCOUNT = PrincipalKind.SERVICE_ACCOUNT
_WORKLOAD = PrincipalKind.WORKLOAD
_PUBLIC = PrincipalKind.PUBLIC
_MALFORMED = PrincipalKind.MALFORMED
_AGENT = AccountOrigin.AGENT
_USER_MANAGED = AccountOrigin.USER_MANAGED
_SETS = frozenset(kind for kind in PrincipalKind if kind.endswith("-set"))
_FEDERATED = frozenset(
    {PrincipalKind.FEDERATED, PrincipalKind.FEDERATED_SET, PrincipalKind.WORKFORCE, PrincipalKind.WORKFORCE_SET}
)
_CONSUMER_DOMAINS = frozenset({"gmail.com", "googlemail.com", "googlegroups.com"})
_DEFAULT_ORIGINS = frozenset(
    {AccountOrigin.COMPUTE_DEFAULT, AccountOrigin.APP_ENGINE_DEFAULT, AccountOrigin.CLOUD_BUILD}
)


class Principal(msgspec.Struct, frozen=True, gc=False):
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
    origin: AccountOrigin | None = None
    """Who made the service account; None for every other kind."""

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
        kind = self.kind
        if kind is _SERVICE_ACCOUNT:
            return f"serviceAccount:{self.email}"
        if kind is _USER:
            return f"user:{self.email}"
        if kind is _GROUP:
            return f"group:{self.email}"
        if kind is _WORKLOAD:
            if self.service_account:
                return f"serviceAccount:{self.pool}[{self.namespace}/{self.service_account}]"
            return f"{self.pool}/kubernetes.serviceaccount.uid/{self.ksa_uid}"
        if kind is _PUBLIC:
            return "allAuthenticatedUsers" if self.member == "allAuthenticatedUsers" else "allUsers"
        match kind:
            case PrincipalKind.DOMAIN:
                return f"domain:{self.domain}"
            case PrincipalKind.CUSTOMER:
                return f"cloudIdentityCustomerId:{self.subject}"
            case PrincipalKind.WORKLOAD_SET:
                return f"{self.pool}/{self.selector}"
            case _:
                return self.member.removeprefix("deleted:")

    @property
    def is_public(self) -> bool:
        """Whether anybody on the internet, or anybody with a Google account, is meant."""
        return self.kind is _PUBLIC

    @property
    def is_workload(self) -> bool:
        """Whether this is one Kubernetes service account of a GKE or fleet pool, in either spelling."""
        return self.kind is _WORKLOAD

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
        return self.origin is _AGENT

    @property
    def is_default_service_account(self) -> bool:
        """Whether this is the Compute Engine or App Engine default account, or the legacy one of Cloud Build."""
        return self.origin in _DEFAULT_ORIGINS

    @property
    def is_user_managed_service_account(self) -> bool:
        """Whether people made this service account in a project of theirs."""
        return self.origin is _USER_MANAGED

    @property
    def is_consumer(self) -> bool:
        """Whether this is a private Google account or group, which no organization governs."""
        return self.domain in _CONSUMER_DOMAINS and self.kind is not _MALFORMED

    @property
    def is_malformed(self) -> bool:
        """Whether IAM can match nobody with this member as it is written."""
        return self.kind is _MALFORMED

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
            f"principal:{POOLS_OF_PROJECT}{number}/locations/global/workloadIdentityPools/{self.pool}"
            f"/subject/ns/{self.namespace}/sa/{self.service_account}"
        )
