"""Rules on trust in other identity systems: workload and workforce pools, their providers, token exchange, sign-on."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from bindwatch.inventory.identities import IdentityPoolProvider
from bindwatch.model.change import Run, remedy
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Confidence, Remediation, Severity, State
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import parse_subject
from bindwatch.model.update_mask import UpdateMask, mask_of
from bindwatch.rule import Context, Match, Outcome, log_rule
from bindwatch.rules.callers import is_expected
from bindwatch.rules.condition_text import is_narrowed, is_widened
from bindwatch.rules.methods import EXCHANGE, IAM, SIGN_IN, activity
from bindwatch.rules.provider_entry import WrittenProvider, written_provider
from bindwatch.rules.responses import policy_put_back
from bindwatch.rules.stranger_tokens import lets_strangers_in
from bindwatch.rules.weight import is_second_half

_POOLS: Final = "google.iam.v1*.WorkloadIdentityPools"
_WORKFORCE: Final = "google.iam.admin.v1*.WorkforcePools"
_PROVIDER_WRITES: Final = activity(
    IAM,
    f"{_POOLS}.CreateWorkloadIdentityPoolProvider",
    f"{_POOLS}.UpdateWorkloadIdentityPoolProvider",
    f"{_WORKFORCE}.CreateWorkforcePoolProvider",
    f"{_WORKFORCE}.UpdateWorkforcePoolProvider",
)

# Issuers that sign tokens for anybody who signs up. Only an attribute condition tells their tenants apart.
# Sources: the providers' own documentation of their OIDC issuers.
SHARED_ISSUERS: Final = (
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "agent.buildkite.com",
    "oidc.circleci.com",
    "api.bitbucket.org",
    "oidc.vercel.com",
    "oidc.fly.io",
    "accounts.google.com",
    "login.microsoftonline.com",
    "sts.windows.net",
    "cognito-identity.amazonaws.com",
    "securetoken.google.com",
    "vstoken.dev.azure.com",
    "app.pulumi.com",
    "api.pulumi.com",
    "oidc.codefresh.io",
    "spacelift.io",
    "scalr.io",
    "oidc.prod-aws.eas.expo.dev",
    "token.botframework.com",
    "auth.snowflake.com",
)


def is_shared_issuer(issuer: str) -> bool:
    """Whether an issuer signs tokens for more than one organization."""
    host = (urlsplit(issuer if "//" in issuer else f"//{issuer}").hostname or "").lower()
    return any(host == known or host.endswith("." + known) for known in SHARED_ISSUERS)


def open_provider(
    provider: str, *, issuer: str, aws_account: str, condition: str, kind: str = "", disabled: bool = False
) -> Match | None:
    """The match for a provider without an effective attribute condition; None where it has one or is off.

    `provider` is its canonical full name. With a shared issuer that is an open door; with one's own, a door without a
    second lock.
    """
    shared = is_shared_issuer(issuer) if issuer else False
    empty = condition.strip() in ("", "true")
    if disabled or kind == "x509" or not (empty or (shared and lets_strangers_in(issuer, condition))):
        return None
    name = provider.rpartition("/")[2]
    if shared:
        severity, whom = Severity.HIGH, f"every tenant of {issuer}"
    elif aws_account:
        severity, whom = Severity.LOW, f"every identity of AWS account {aws_account}"
    elif issuer:
        severity, whom = Severity.LOW, f"every identity of {issuer}"
    else:
        severity, whom = Severity.LOW, f"every identity of its {kind or 'identity'} provider"
    return Match(
        subject=name,
        title=f"Provider {name} accepts {whom}: "
        + ("it has no attribute condition" if empty else "its attribute condition holds for strangers, too"),
        resource_name=provider,
        severity=severity,
        notes=() if empty else (f"Condition: {condition}",),
        remediation=_conditioned(provider, issuer, aws_account, shared=shared),
    )


def _conditioned(provider: str, issuer: str, aws_account: str, *, shared: bool) -> Remediation | None:
    words = provider.split("/")
    if "workloadIdentityPools" not in words or "projects" not in words or "providers" not in words:
        return None
    pool, project = words[words.index("workloadIdentityPools") + 1], words[words.index("projects") + 1]
    kind = "aws" if aws_account else "oidc" if issuer else "saml"
    if shared and "github" in issuer:
        condition = "assertion.repository_owner == 'YOUR_ORGANIZATION'"
    elif aws_account:
        condition = "attribute.aws_role == 'YOUR_ROLE'"
    else:
        condition = "assertion.sub == 'YOUR_WORKLOAD'"
    update = (
        "gcloud", "iam", "workload-identity-pools", "providers", f"update-{kind}", words[-1],
        f"--workload-identity-pool={pool}", "--location=global", f"--project={project}",
    )  # fmt: skip
    return remedy(
        "Accept only your own identities; put your name into the condition first",
        Run((*update, f"--attribute-condition={condition}"), (*update, "--attribute-condition=")),
        risk="A condition that does not match your own workloads locks them out.",
    )


@log_rule(
    "provider-without-condition",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    methods=_PROVIDER_WRITES,
    techniques=["T1556.007", "T1199"],
)
def provider_without_condition(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An identity provider was trusted without an attribute condition that keeps strangers out.

    ## Why it matters
    The condition is what tells your workloads from everybody else's. Without one, every token the issuer signs becomes
    an identity of the pool; for an issuer that many share, any stranger's pipeline can ask for one.

    ## What to do
    Set an attribute condition on what only you control (the owner of the repository, the tenant, the role).

    ## Known false positives
    An issuer that is yours alone, whose every token may come in: LOW. The guard is then in each binding.

    ## Blind spots
    Whether a condition is tight enough cannot be told in general. For GitHub, GitLab and HCP Terraform it is asked with
    the token of a stranger, who may choose branch and environment; elsewhere any text but `true` counts. On an update
    that does not name the condition the old one stays, and nothing is said.
    """
    provider = written_provider(entry)
    if provider is None or "/workforcePools/" in provider.name:
        return
    body = provider.body
    if not provider.touched("attributeCondition"):
        return
    known = _known_provider(provider.name, context)
    issuer = body.text("oidc.issuerUri") or (known.issuer if known else "")
    aws_account = body.text("aws.accountId") or (known.aws_account if known else "")
    found = open_provider(
        provider.name,
        issuer=issuer,
        aws_account=aws_account,
        condition=body.text("attributeCondition"),
        kind=next((kind for kind in ("oidc", "aws", "saml", "x509") if body.has(kind)), ""),
        disabled=body.flag("disabled") is True,
    )
    if found is not None:
        emptied = not provider.created and not issuer and not aws_account
        yield replace(found, severity=Severity.HIGH, notes=("Its issuer is not in the entry.",)) if emptied else found
    elif not provider.created:
        yield Match(
            subject=provider.name.rpartition("/")[2],
            title=f"Provider {provider.name.rpartition('/')[2]} has an attribute condition, or is off",
            resource_name=provider.name,
            state=State.RESOLVED,
        )


def _known_provider(name: str, context: Context) -> IdentityPoolProvider | None:
    if context.inventory is None:
        return None
    pool = name.partition("/providers/")[0]
    known = context.inventory.canonical(name)
    return next((item for item in context.inventory.providers_of(pool) if item.name == known), None)


@log_rule(
    "pool-provider-changed",
    Severity.LOW,
    Category.THREAT,
    methods=_PROVIDER_WRITES,
    techniques=["T1556.007", "T1098.003"],
    equivalents=["panther:GCP.Workload.Identity.Pool.Created.or.Updated"],
)
def pool_provider_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A provider of an identity pool was created or changed.

    ## Why it matters
    Whoever decides which tokens a pool accepts, and how their claims become subjects, can forge every identity that the
    pool stands for. A new issuer, keys uploaded by hand or a remapped subject are the ways to do it.

    ## What to do
    Compare with the source. Undo what nobody answers for, then look at token exchanges through the provider since.

    ## Known false positives
    Set-up and planned changes: INFO for named automation.

    ## Blind spots
    What was there before is not logged: where it is known, provider-trust-widened compares. Of an entry without its
    request nobody knows what was set: it is LOW, and says so.
    """
    provider = written_provider(entry)
    if provider is None:
        if not is_second_half(entry):
            yield _unseen_change(entry, context)
        return
    body, name = provider.body, provider.name.rpartition("/")[2]
    heavy, notes = _heavy_changes(provider, body)
    if is_expected(entry.caller, context):
        severity = Severity.LOW if heavy else Severity.INFO
    else:
        severity = Severity.MEDIUM if heavy else Severity.LOW
    what = "created" if provider.created else "changed"
    fields = "" if provider.created else " ".join(sorted(provider.mask.paths))
    yield Match(
        subject=f"{what} {provider.name} {fields}".strip(),
        title=f"{entry.caller_name} {what} identity provider {name}",
        resource_name=provider.name,
        severity=severity,
        notes=tuple(notes),
    )


def _unseen_change(entry: LogEntry, context: Context) -> Match:
    what = "created" if ".Create" in entry.method else "changed"
    return Match(
        subject=f"{what} a provider at {entry.resource}",
        title=f"{entry.caller_name} {what} an identity provider; the entry does not show how",
        severity=Severity.INFO if is_expected(entry.caller, context) else Severity.LOW,
        confidence=Confidence.MEDIUM,
    )


def _heavy_changes(provider: WrittenProvider, body: Document) -> tuple[bool, list[str]]:
    notes, heavy = [], False
    if provider.touched("oidc") and (body.text("oidc.jwksJson") or "oidc.jwksJson" in provider.mask.paths):
        notes.append("Its signing keys were uploaded by hand, so the issuer itself is no longer asked.")
        heavy = True
    sources = ("oidc.issuerUri", "aws", "saml", "x509")
    mask = UpdateMask() if provider.created else provider.mask
    if any(mask.names(source) for source in sources):
        issuer = body.text("oidc.issuerUri") or body.text("aws.accountId")
        notes.append(f"It now trusts {issuer or 'another source'}.")
        heavy = True
    if mask.names("attributeMapping"):
        notes.append("How claims become subjects was changed: existing bindings may now match other identities.")
        heavy = True
    if mask.names("attributeCondition"):
        condition = body.text("attributeCondition")
        notes.append(f"The condition is now: {condition}" if condition else "The condition was removed.")
        heavy = True
    if mask.names("disabled") and body.flag("disabled") is not True:
        notes.append("It was switched on again.")
        heavy = True
    return heavy, notes


@log_rule(
    "provider-trust-widened",
    Severity.HIGH,
    Category.THREAT,
    methods=_PROVIDER_WRITES,
    techniques=["T1556.007", "T1199"],
)
def provider_trust_widened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An identity provider was changed so that it lets others in than before.

    ## Why it matters
    A condition that asks for less, another issuer or another mapping of the subject give the pool's identities to other
    tokens. No policy changes, so every binding goes on looking right.

    ## What to do
    Compare with the source and put the old value back, which the finding holds. Look at token exchanges since.

    ## Known false positives
    Planned changes: MEDIUM for named automation. A condition that was only rewritten: MEDIUM.

    ## Blind spots
    The log does not say what was there before: it is known from an audit or from an earlier entry, else nothing is
    said here. Whether a rewritten condition lets more in cannot be told from its text.
    """
    provider = written_provider(entry)
    if provider is None or provider.created or not entry.before:
        return
    before = entry.before
    after = provider.state(before)
    changes = list(_widened(before, after))
    if not changes:
        return
    name = provider.name.rpartition("/")[2]
    severity = max(severity for severity, _ in changes)
    if is_expected(entry.caller, context):
        severity = min(severity, Severity.MEDIUM)
    yield Match(
        subject=f"{provider.name} {' '.join(sorted(key for key in after if after[key] != before.get(key)))}",
        title=f"{entry.caller_name} changed whom identity provider {name} lets in",
        resource_name=provider.name,
        severity=severity,
        notes=tuple(words for _, words in changes),
        remediation=_put_back(provider.name, before, after),
    )


def _widened(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[Severity, str]]:
    """What lets others in, and how much it weighs; fields of which the old value is not known are left out."""
    changed = {name for name, old in before.items() if name in after and after[name] != old}
    if "condition" in changed:
        old, new = before["condition"], after["condition"]
        if old and not new:
            yield Severity.HIGH, f"The condition was removed. It was: {old}"
        elif not old or is_narrowed(old, new):
            pass
        elif is_widened(old, new):
            yield Severity.HIGH, f"The condition asks for less. It was: {old}. It is: {new}"
        else:
            yield Severity.MEDIUM, f"The condition is another. It was: {old}. It is: {new}"
    for name, what in (("issuer", "issuer"), ("aws_account", "AWS account")):
        if name in changed and before[name]:
            yield Severity.HIGH, f"The {what} was {before[name]}. It is {after[name] or 'none'}"
    if "keys" in changed and after["keys"]:
        yield Severity.HIGH, "Its signing keys were uploaded by hand; until now the issuer was asked."
    if "mapping" in changed and before["mapping"]:
        yield Severity.HIGH, f"Claims become other subjects. The mapping was: {before['mapping']}"
    if "audiences" in changed and set(after["audiences"].split()) - set(before["audiences"].split()):
        were = before["audiences"] or "its own"
        yield Severity.MEDIUM, f"It accepts more audiences: {after['audiences']}. They were: {were}"


def _put_back(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Remediation | None:
    words = name.split("/")
    old = before.get("condition", "")
    if not old or after.get("condition") == old or "workloadIdentityPools" not in words or "projects" not in words:
        return None
    kind = "aws" if after.get("aws_account") else "oidc" if after.get("issuer") else ""
    if not kind:
        return None
    pool, project = words[words.index("workloadIdentityPools") + 1], words[words.index("projects") + 1]
    update = (
        "gcloud", "iam", "workload-identity-pools", "providers", f"update-{kind}", words[-1],
        f"--workload-identity-pool={pool}", "--location=global", f"--project={project}",
    )  # fmt: skip
    undo = (*update, f"--attribute-condition={after.get('condition', '')}")
    return remedy("Put the old condition back", Run((*update, f"--attribute-condition={old}"), undo))


@log_rule(
    "workload-pool-gone",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(
        IAM,
        f"{_POOLS}.DeleteWorkloadIdentityPool",
        f"{_POOLS}.UpdateWorkloadIdentityPool",
        f"{_POOLS}.DeleteWorkloadIdentityPoolProvider",
        f"{_WORKFORCE}.DeleteWorkforcePool*",
    ),
    techniques=["T1531", "T1078.004"],
    equivalents=["secops:gcp_workload_identity_pool_disabled_or_deleted"],
)
def workload_pool_gone(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A workload identity pool was disabled, or an identity pool or a provider of one was deleted.

    ## Why it matters
    Every workload that signs in through it is locked out as soon as its tokens end.

    ## What to do
    If it was a mistake: enable the pool again, or restore it within 30 days.

    ## Known false positives
    Decommissioning. LOW for named automation.

    ## Blind spots
    Who used the pool is in the activity, not in this entry.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    if verb.startswith("Update") and entry.request.flag("workloadIdentityPool.disabled") is not True:
        return
    name = entry.request.text("name") or entry.request.text("workloadIdentityPool.name") or entry.raw_resource_name
    what = "provider" if verb.endswith("Provider") else "pool"
    done = "disabled" if verb.startswith("Update") else "deleted"
    yield Match(
        subject=f"{done} {entry.named(name)}",
        title=f"Identity {what} {name.rpartition('/')[2]} was {done} by {entry.caller_name}",
        resource_name=entry.named(name),
        severity=Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM,
        remediation=_brought_back(name, done),
    )


_POOL: Final = re.compile(
    r"(?:projects/(?P<project>[^/]+)/)?locations/(?P<location>[^/]+)/(?P<kind>workload|workforce)"
    r"(?:Identity)?Pools/(?P<pool>[^/]+)(?:/providers/(?P<provider>[^/]+))?"
)


def _brought_back(name: str, done: str) -> Remediation | None:
    found = _POOL.search(name)
    if found is None:
        return None
    group = "workload-identity-pools" if found["kind"] == "workload" else "workforce-pools"
    flag = group.removesuffix("s")
    named = (found["provider"], f"--{flag}={found['pool']}") if found["provider"] else (found["pool"],)
    where = (f"--location={found['location']}", *((f"--project={found['project']}",) if found["project"] else ()))
    words = ("gcloud", "iam", group, *(("providers",) if found["provider"] else ()))
    verb, more = ("update", ("--no-disabled",)) if done == "disabled" else ("undelete", ())
    return remedy(
        "If it was a mistake: bring it back, within 30 days",
        Run((*words, verb, *named, *where, *more)),
        risk="Whoever it vouches for can sign in again.",
    )


@log_rule(
    "trust-revived",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(
        IAM,
        f"{_POOLS}.UndeleteWorkloadIdentityPool*",
        f"{_WORKFORCE}.UndeleteWorkforcePool*",
        f"{_POOLS}.UpdateWorkloadIdentityPool",
        f"{_WORKFORCE}.UpdateWorkforcePool",
    ),
    techniques=["T1556.007", "T1098"],
)
def trust_revived(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A deleted or disabled identity pool or provider was brought back.

    ## Why it matters
    Its old bindings were never removed, so everybody it lets in is back, without a change of any policy.

    ## What to do
    Find out why it was off. If nobody answers for it, disable it again.

    ## Known false positives
    Mistakes put right. LOW for named automation.

    ## Blind spots
    An update that sets `disabled: false` on a pool that was on already looks the same.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    if verb.startswith("Update"):
        mask = {path.rpartition(".")[2] for path in mask_of(entry.request).paths}
        body = entry.request.document("workloadIdentityPool") or entry.request.document("workforcePool")
        if "disabled" not in mask or body.flag("disabled") is True:
            return
    name = entry.request.text("name") or entry.raw_resource_name
    yield Match(
        subject=entry.named(name),
        title=f"{entry.caller_name} brought identity pool or provider {name.rpartition('/')[2]} back",
        resource_name=entry.named(name),
        severity=Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM,
    )


@log_rule(
    "workforce-pool-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(
        IAM,
        f"{_WORKFORCE}.CreateWorkforcePool*",
        f"{_WORKFORCE}.UpdateWorkforcePool*",
    ),
    techniques=["T1556.007", "T1136.003"],
    equivalents=["panther:GCP.Workforce.Pool.Created.or.Updated"],
)
def workforce_pool_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A workforce pool or a provider of one was created or changed.

    ## Why it matters
    It decides which outside accounts count as people of the organization. It is changed a few times in the life of a
    company; whoever adds a provider of their own signs in as anybody.

    ## What to do
    Ask who changed it. Undo it if nobody answers, then look at sign-ins (`WebSignIn`) since.

    ## Known false positives
    The set-up of single sign-on. LOW for named automation.

    ## Blind spots
    Organization-level logs must be collected. What was there before is not logged.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    name = entry.request.text("name") or entry.raw_resource_name
    what = "provider" if "Provider" in verb else "pool"
    done = "created" if verb.startswith("Create") else "changed"
    pool = entry.request.text("workforcePoolId") or entry.request.text("workforcePoolProviderId")
    yield Match(
        subject=f"{done} {entry.named(name)} {pool}".strip(),
        title=f"Workforce {what} {pool or name.rpartition('/')[2]} was {done} by {entry.caller_name}",
        severity=Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM,
    )


@log_rule(
    "single-sign-on-changed",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(
        "admin.googleapis.com",
        "google.admin.AdminService.inbound*SsoProfileCreated",  # of SAML, and of OpenID Connect
        "google.admin.AdminService.inbound*SsoProfileUpdated",
        "google.admin.AdminService.inboundSsoAssignment*",
        "google.admin.AdminService.toggleSsoEnabled",
        "google.admin.AdminService.changeSsoSettings",
    ),
    techniques=["T1556.007"],
    equivalents=["panther:GCP.Inbound.SSO.Profile.Created", "scc:TOGGLE_SSO_ENABLED", "scc:CHANGE_SSO_SETTINGS"],
)
def single_sign_on_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The settings of single sign-on were changed.

    ## Why it matters
    Who controls the identity provider of a domain signs in as any of its people, administrators included, past every
    password and second factor.

    ## What to do
    Confirm with the identity team. If they know nothing of it, restore the profile and end all sessions.

    ## Known false positives
    A planned migration, or a new certificate.

    ## Blind spots
    Workspace must share its logs with Google Cloud.
    """
    names = [
        text
        for event in entry.metadata.documents("event")
        for parameter in event.documents("parameter")
        if parameter.text("name") == "INBOUND_SSO_PROFILE_NAME" and (text := parameter.text("value"))
    ]
    verb = entry.method.rpartition(".")[2]
    yield Match(
        subject=f"{verb} {' '.join(names)}".strip(),
        title=f"{entry.caller_name} changed single sign-on ({verb})",
    )


@log_rule(
    "token-exchange-rejected",
    Severity.LOW,
    Category.BROKEN_BINDING,
    methods=(*EXCHANGE, *SIGN_IN),
    outcome=Outcome.FAILED,
    techniques=["T1078.004"],
)
def token_exchange_rejected(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A token of an outside identity was refused at the exchange.

    ## Why it matters
    Either a workload of yours is locked out by a condition or a mapping that does not fit it, or somebody else's
    workload tries the door.

    ## What to do
    Compare the subject with the provider's attribute condition. If it is yours, widen the condition for it; if not, the
    condition did its work.

    ## Known false positives
    A pipeline run from a fork or a branch that is not meant to get in.

    ## Blind spots
    Some failures of the exchange are not logged at all. The subject is what the outside token says.
    """
    name = entry.named(entry.raw_resource_name or entry.request.text("audience"))
    subject = entry.authentication.principal_subject or "an unnamed subject"
    mapped = parse_subject(entry.metadata.text("mapped_principal") or entry.metadata.text("mappedPrincipal"))
    message = entry.status_message
    condition = "attribute condition" in message.lower()
    yield Match(
        subject=f"{mapped.identity if mapped else subject}",
        title=f"{subject} was refused by identity provider {name.rpartition('/')[2]}",
        resource_name=name,
        principal=mapped.identity if mapped else subject,
        confidence=Confidence.MEDIUM,
        notes=(f"Said: {message}",) if message else (),
        cause="condition-not-met" if condition else "token-quota-exceeded" if entry.status_code == 8 else "",
    )


@log_rule(
    "pool-policy-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(
        IAM,
        f"{_POOLS}.SetIamPolicy",
        f"{_POOLS}.AddAttestationRule",
        f"{_POOLS}.SetAttestationRules",
        f"{_POOLS}.CreateWorkloadIdentityPoolProviderKey",
        f"{_POOLS}.CreateWorkloadIdentityPoolNamespace",
        f"{_POOLS}.CreateWorkloadIdentityPoolManagedIdentity",
        f"{_POOLS}.UpdateWorkloadIdentityPoolManagedIdentity",
        f"{_WORKFORCE}.SetIamPolicy",
    ),
    techniques=["T1556.007"],
)
def pool_policy_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Who may administer or attest an identity pool was changed.

    ## Why it matters
    Its administrators decide whom the pool lets in; an attestation rule decides which machine may claim which identity.

    ## What to do
    Check the new members and rules against the source.

    ## Known false positives
    The set-up of managed workload identities. LOW for named automation.

    ## Blind spots
    None known.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    name = entry.request.text("resource") or entry.request.text("parent") or entry.raw_resource_name
    yield Match(
        subject=f"{verb} {entry.named(name)}",
        title=f"{entry.caller_name} changed who controls identity pool {name.rpartition('/')[2]} ({verb})",
        resource_name=entry.named(name),
        severity=Severity.LOW if is_expected(entry.caller, context) else Severity.MEDIUM,
        notes=tuple(f"{grant.role} to {grant.member}" for grant in entry.grants[:5]),
        remediation=policy_put_back(entry),
    )


RULES = (
    provider_without_condition,
    pool_provider_changed,
    provider_trust_widened,
    workload_pool_gone,
    trust_revived,
    workforce_pool_changed,
    single_sign_on_changed,
    token_exchange_rejected,
    pool_policy_changed,
)
