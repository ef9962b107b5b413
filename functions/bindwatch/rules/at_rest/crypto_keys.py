"""Encryption keys, standing: who holds both the lock and the key."""

from collections.abc import Iterator
from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.resources import CryptoKey
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.model.policy import Grant
from bindwatch.model.principal import PrincipalKind, parse_member
from bindwatch.model.resource import display, project_name
from bindwatch.rule import Context, Match, inventory_rule
from bindwatch.rules import standing
from bindwatch.rules.grant_risk import names_somebody

_MOST_USERS: Final = 3
_USES: Final = frozenset(
    {
        "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        "roles/cloudkms.cryptoKeyEncrypter",
        "roles/cloudkms.cryptoKeyDecrypter",
        "roles/cloudkms.signer",
        "roles/cloudkms.signerVerifier",
        "roles/cloudkms.cryptoOperator",
    }
)


@inventory_rule(
    "key-project-has-owner",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES, Part.CRYPTO_KEYS],
    techniques=["T1098.003"],
    equivalents=["scc:KMS_PROJECT_HAS_OWNER"],
)
def key_project_has_owner(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A person owned a project that holds encryption keys.

    ## Why it matters
    An owner administers the keys and may let themselves decrypt with them: nobody is left to notice.

    ## What to do
    Keep keys in a project of their own, which has no owner; administer it from the organization.

    ## Known false positives
    Projects whose keys protect nothing of weight.

    ## Blind spots
    Owners of the folders and the organization above.
    """
    for project in sorted({inventory.project_id(key.project) for key in inventory.all(CryptoKey) if key.project}):
        resource = project_name(project)
        policy = inventory.policy(resource)
        for binding in policy.bindings if policy else ():
            if binding.role != "roles/owner":
                continue
            for member in binding.members:
                grant = Grant(binding.role, member, parse_member(member), binding.condition)
                if grant.principal.kind in (PrincipalKind.USER, PrincipalKind.GROUP) and not grant.principal.deleted:
                    yield Match(
                        subject=standing.subject_of(grant),
                        title=f"{member} owns project {project}, which holds encryption keys",
                        resource_name=resource,
                        principal=grant.principal.identity,
                        evidence=(AssetRef(resource, policy.etag if policy else ""),),
                        remediation=standing.removal(grant, resource),
                    )


@inventory_rule(
    "crypto-key-many-users",
    Severity.LOW,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1552.004"],
    equivalents=["scc:TOO_MANY_KMS_USERS"],
)
def crypto_key_many_users(inventory: Inventory, context: Context) -> Iterator[Match]:
    """More than three principals could use one encryption key.

    ## Why it matters
    A key that everybody can decrypt with protects against nobody.

    ## What to do
    One key for one purpose; let the workload that needs it use it, and nobody else.

    ## Known false positives
    Agents of Google's services, which encrypt on your behalf, are not counted.

    ## Blind spots
    Users by grants on the key ring or the project, and members of groups: a group counts as one.
    """
    for resource, policy in inventory.policies:
        if "/cryptoKeys/" not in resource:
            continue
        users = {
            principal.identity
            for binding in policy.bindings
            if binding.role in _USES
            for member in binding.members
            if not (principal := parse_member(member)).is_service_agent
            and names_somebody(Grant(binding.role, member, principal))
        }
        if len(users) > _MOST_USERS:
            yield Match(
                subject="users",
                title=f"{len(users)} principals can use {display(resource)}",
                resource_name=resource,
                notes=(f"Among them: {', '.join(sorted(users)[:5])}.",),
                evidence=(AssetRef(resource, policy.etag),),
            )


RULES: Final = (key_project_has_owner, crypto_key_many_users)
