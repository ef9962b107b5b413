"""Identity pools and providers, standing: whose tokens are taken for whose identities."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from bindwatch.diagnosis.federated_services import limited_role
from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.identities import IdentityPoolProvider
from bindwatch.model.change import Run
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.model.resource import display
from bindwatch.rule import Context, Match, at_rest_of, inventory_rule
from bindwatch.rules import federation, standing
from bindwatch.rules.at_rest.grant_survey import Sort, survey_of

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


# What others who take such tokens ask for, so that a token made for them serves here as well: the audiences of AWS and
# Azure, those of Kubernetes API servers, and the ones that CI systems write when nobody says another.
_AUDIENCES_OF_OTHERS: Final = (
    "sts.amazonaws.com",
    "api://AzureADTokenExchange",
    "sigstore",
    "vault",
    "kubernetes",
    "https://kubernetes.default.svc",
    "https://kubernetes.default.svc.cluster.local",
    "https://gitlab.com",
    "https://github.com",
    "aws.workload.identity",
)


@inventory_rule(
    "provider-audience-shared",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.PROVIDERS],
    techniques=["T1550.001"],
)
def provider_audience_shared(inventory: Inventory, context: Context) -> Iterator[Match]:
    """An identity provider accepted an audience that others ask for, so that tokens made for them serve here too.

    ## Why it matters
    The audience says for whom a token was made. Where a provider takes that of AWS or of a registry, whoever such a
    token was given to (a log, a plug-in, a service of somebody else) can become our identities with it.

    ## What to do
    Take the audience out: without any, a provider accepts its own full name alone. Let the pipeline ask for that one.

    ## Known false positives
    Issuers that cannot write another audience. Then the attribute condition must say which workloads are meant.

    ## Blind spots
    Only audiences known to be those of others are told; one of your own that several services share is not.
    """
    for provider in _live(inventory):
        shared = [
            audience
            for audience in provider.audiences
            if audience.rstrip("/") in _AUDIENCES_OF_OTHERS or audience.startswith("https://github.com/")
        ]
        if shared:
            yield Match(
                subject=provider.id,
                title=f"Provider {provider.id} takes tokens made for {', '.join(shared)}",
                resource_name=provider.name,
                severity=None if not provider.attribute_condition.strip() else Severity.LOW,
                evidence=(AssetRef(provider.name),),
            )


@inventory_rule(
    "federated-grant-without-effect",
    Severity.LOW,
    Category.BROKEN_BINDING,
    needs=[Part.POLICIES],
    techniques=["T1098"],
)
def federated_grant_without_effect(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A role of a service that takes no federated identities was granted to one.

    ## Why it matters
    The grant looks right and every call is refused: whoever debugs it adds wider roles, which do not help either.

    ## What to do
    Let the workload become a service account (`roles/iam.workloadIdentityUser` on it), and grant the role to that.

    ## Known false positives
    The list of services is Google's, of the date the page of `bindwatch diagnose` names: one may have been added since.

    ## Blind spots
    Kubernetes service accounts that were read are told as broken workloads, with the whole chain. Limits of single
    methods.
    """
    for resource, policy, grant in survey_of(inventory, context).of(Sort.POOL):
        who = grant.principal
        why = limited_role(grant.role)
        if not why or inventory.ksas_of_pool(who.pool, who.namespace, who.service_account):
            continue
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.role} on {display(resource)} is of no use to {grant.member}: {why}",
            resource_name=resource,
            principal=who.identity,
            evidence=(AssetRef(resource, policy.etag),),
            remediation=standing.removal(
                grant,
                resource,
                f"Grant {grant.role} to a service account that the workload may become, then remove it here",
                risk="None: the service refuses the member as it is.",
            ),
        )


RULES = (
    provider_without_condition,
    provider_subject_mutable,
    provider_audience_shared,
    federated_grant_without_effect,
)
