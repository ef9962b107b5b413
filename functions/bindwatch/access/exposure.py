"""How many could come to act as a principal."""

from bindwatch.inventory import Inventory
from bindwatch.inventory.hierarchy import Organization
from bindwatch.inventory.identities import IdentityPoolProvider
from bindwatch.knowledge.score import Exposure
from bindwatch.model.principal import Principal, PrincipalKind

# Identity providers at which anybody can have an account and get a token.
_SHARED_ISSUERS = (
    "https://token.actions.githubusercontent.com",
    "https://gitlab.com",
    "https://app.terraform.io",
    "https://agent.buildkite.com",
    "https://oidc.circleci.com",
    "https://accounts.google.com",
    "https://api.bitbucket.org",
    "https://oidc.vercel.com",
    "https://cognito-identity.amazonaws.com",
    "https://securetoken.google.com",
    "https://cloud.scalr.io",
    "https://api.pulumi.com/oidc",
    "https://oidc.codefresh.io",
)


def is_open(provider: IdentityPoolProvider) -> bool:
    """Whether anybody with an account at a shared identity provider gets into the pool through this one."""
    if provider.attribute_condition.strip() or provider.disabled or provider.state == "DELETED":
        return False
    issuer = provider.issuer.rstrip("/")
    return any(issuer == shared or issuer.startswith(f"{shared}/") for shared in _SHARED_ISSUERS)


class Exposures:
    """Answers how exposed a principal is, from what the inventory tells of keys, providers and the organization."""

    def __init__(self, inventory: Inventory, trusted_domains: frozenset[str] = frozenset()) -> None:
        self._inventory = inventory
        own = {item.display_name.lower() for item in inventory.all(Organization) if "." in item.display_name}
        self._domains = trusted_domains or frozenset(own)

    def of(self, principal: Principal) -> Exposure:
        """The exposure of the principal. Where no domain of the organization is known, none is external."""
        match principal.kind:
            case PrincipalKind.PUBLIC:
                return Exposure.PUBLIC
            case PrincipalKind.DOMAIN | PrincipalKind.CUSTOMER:
                return Exposure.DOMAIN
            case PrincipalKind.USER | PrincipalKind.GROUP:
                return Exposure.EXTERNAL if self._is_external(principal) else Exposure.PERSON
            case PrincipalKind.SERVICE_ACCOUNT:
                return self._of_account(principal)
            case PrincipalKind.FEDERATED_SET:
                return self._of_federated_set(principal)
            case PrincipalKind.WORKFORCE:
                return Exposure.PERSON
            case PrincipalKind.WORKLOAD | PrincipalKind.FEDERATED | PrincipalKind.RESOURCE | PrincipalKind.AGENT:
                return Exposure.WORKLOAD
            case _:
                return Exposure.WHOLE_POOL if principal.is_whole_pool else Exposure.PART_OF_POOL

    def _is_external(self, principal: Principal) -> bool:
        if principal.is_consumer:
            return True
        domain = principal.domain
        return bool(self._domains) and not any(domain == own or domain.endswith(f".{own}") for own in self._domains)

    def _of_account(self, principal: Principal) -> Exposure:
        if principal.is_service_agent:
            return Exposure.SERVICE_AGENT
        keys = self._inventory.keys_of(principal.email)
        if any(key.user_managed and not key.disabled for key in keys):
            return Exposure.KEYED_SERVICE_ACCOUNT
        return Exposure.WORKLOAD

    def _of_federated_set(self, principal: Principal) -> Exposure:
        pool = f"//{principal.member.partition('://')[2].partition(f'/{principal.pool}/')[0]}/{principal.pool}"
        if any(is_open(provider) for provider in self._inventory.providers_of(pool)):
            return Exposure.OPEN_FEDERATION
        return Exposure.WHOLE_POOL if principal.is_whole_pool else Exposure.PART_OF_POOL
