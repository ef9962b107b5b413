"""Identity pools and providers, standing: whose tokens are taken for whose identities."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.identities import IdentityPoolProvider
from bindwatch.model.change import Run
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.rule import Context, Match, at_rest_of, inventory_rule
from bindwatch.rules import federation

# Claims that whoever holds the token's account can set or that pass to another holder.
_MUTABLE_CLAIMS: Final = ("assertion.email", "assertion.preferred_username", "assertion.name", "assertion.upn")


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


@at_rest_of(
    federation.provider_without_condition,
    needs=[Part.PROVIDERS],
    equivalents=["prowler:iam_workload_identity_pool_provider_attribute_condition"],
)
def provider_without_condition(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A provider that stands, of a pool that is on."""
    for provider in _live(inventory):
        found = federation.open_provider(
            provider.name,
            issuer=provider.issuer,
            aws_account=provider.aws_account,
            condition=provider.attribute_condition,
            kind=provider.kind,
        )
        if found is not None:
            yield replace(found, evidence=(AssetRef(provider.name),))


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
