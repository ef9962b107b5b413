"""Identity pools and providers, standing: whose tokens are taken for whose identities."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.identities import IdentityPoolProvider
from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.rule import Context, Match, inventory_rule

# Issuers that sign tokens for anybody who signs up: without a condition, anybody's token is accepted.
MULTI_TENANT_ISSUERS: Final = (
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "accounts.google.com",
    "agent.buildkite.com",
    "oidc.circleci.com",
    "api.bitbucket.org",
    "vstoken.dev.azure.com",
    "login.microsoftonline.com",
    "sts.windows.net",
)
# Claims that whoever holds the token's account can set or that pass to another holder.
_MUTABLE_CLAIMS: Final = ("assertion.email", "assertion.preferred_username", "assertion.name", "assertion.upn")


def is_multi_tenant(issuer: str) -> bool:
    """Whether an issuer signs for tenants of other owners, so that its signature alone proves nothing."""
    host = (urlsplit(issuer).hostname or "").lower()
    return any(host == known or host.endswith("." + known) for known in MULTI_TENANT_ISSUERS)


def update_condition(provider: IdentityPoolProvider, condition: str) -> Run:
    """The command that sets the attribute condition of a workload identity pool provider."""
    pool = provider.pool.rpartition("/")[2]
    argv = (
        "gcloud", "iam", "workload-identity-pools", "providers", f"update-{provider.kind or 'oidc'}", provider.id,
        f"--workload-identity-pool={pool}", "--location=global",
        *((f"--project={provider.project}",) if provider.project else ()),
    )  # fmt: skip
    before = (*argv, f"--attribute-condition={provider.attribute_condition}")
    return Run((*argv, f"--attribute-condition={condition}"), before)


def _live(inventory: Inventory) -> Iterator[IdentityPoolProvider]:
    for provider in inventory.all(IdentityPoolProvider):
        pool = inventory.identity_pool(provider.pool)
        gone = provider.disabled or provider.state == "DELETED"
        if not gone and (pool is None or (not pool.disabled and pool.state != "DELETED")):
            yield provider


@inventory_rule(
    "provider-without-condition",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    needs=[Part.PROVIDERS],
    techniques=["T1078.004", "T1556.007"],
    equivalents=["prowler:iam_workload_identity_pool_provider_attribute_condition"],
)
def provider_without_condition(inventory: Inventory, context: Context) -> Iterator[Match]:
    """An identity provider was trusted without a condition on whose tokens count.

    ## Why it matters
    Many issuers sign tokens for everybody who has an account there. Without a condition, each of those people has an
    identity in the pool, and every grant to the pool or to an attribute they control is theirs.

    ## What to do
    Set an attribute condition that names your own organization (`assertion.repository_owner == 'example'`).

    ## Known false positives
    An issuer of your own that signs for nobody else: reported as LOW, since a grant by subject is enough there.

    ## Blind spots
    Whether a condition that is there is narrow enough is not judged.
    """
    for provider in _live(inventory):
        if provider.attribute_condition or provider.kind == "x509":
            continue
        shared = is_multi_tenant(provider.issuer)
        issuer = provider.issuer or provider.aws_account or provider.kind or "its issuer"
        change = update_condition(provider, "assertion.repository_owner == 'YOUR_ORGANIZATION'") if shared else None
        yield Match(
            subject=provider.id,
            title=f"Provider {provider.id} of pool {provider.pool.rpartition('/')[2]} takes any token of {issuer}",
            resource_name=provider.name,
            severity=Severity.HIGH if shared else Severity.LOW,
            notes=("The condition must name what only your own tokens claim; adapt the one proposed.",)
            if shared
            else (),
            evidence=(AssetRef(provider.name),),
            remediation=remedy(
                "Accept only the tokens of your own organization",
                change,
                risk="Tokens that the condition leaves out are refused at once.",
            )
            if change
            else None,
        )


@inventory_rule(
    "provider-subject-mutable",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.PROVIDERS],
    techniques=["T1078.004"],
)
def provider_subject_mutable(inventory: Inventory, context: Context) -> Iterator[Match]:
    """An identity provider mapped the subject to a claim that its holder can change.

    ## Why it matters
    Grants name the subject. Where that is an e-mail or a display name, whoever takes over the name takes over the
    grants; the issuer's own `sub` never changes hands.

    ## What to do
    Map `google.subject` to `assertion.sub`, grant to the new subjects, then remove the old grants.

    ## Known false positives
    Issuers that never reassign e-mail addresses.

    ## Blind spots
    Mappings that compute the subject are searched for the claim's name only.
    """
    for provider in _live(inventory):
        subject = dict(provider.attribute_mapping).get("google.subject", "")
        if any(claim in subject for claim in _MUTABLE_CLAIMS):
            yield Match(
                subject=provider.id,
                title=f"Provider {provider.id} takes the subject from {subject}, which can change hands",
                resource_name=provider.name,
                evidence=(AssetRef(provider.name),),
            )


RULES = (provider_without_condition, provider_subject_mutable)
