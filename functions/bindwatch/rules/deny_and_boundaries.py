"""Rules for what takes access away again: deny policies, principal access boundaries; and for OAuth clients."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from bindwatch.model.finding import Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.methods import IAM, activity
from bindwatch.rules.weight import is_second_half, weighed

_DENY: Final = "google.iam.v2*.Policies."
_BOUNDARY: Final = "google.iam.v3*.PrincipalAccessBoundaryPolicies."
_BINDINGS: Final = "google.iam.v3*.PolicyBindings."
_EVERYBODY: Final = ("principalSet://goog/public:all",)


def _policy_name(entry: LogEntry) -> str:
    name = entry.request.text("policy.name") or entry.request.text("name") or entry.raw_resource_name
    return unquote(name)


@log_rule(
    "deny-policy-weakened",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(IAM, _DENY + "DeletePolicy", _DENY + "UpdatePolicy"),
    techniques=["T1562", "T1098"],
)
def deny_policy_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An IAM deny policy was deleted, or changed so that it lets somebody through.

    ## Why it matters
    A deny policy holds whatever roles say. Take it away, or put a name on its list of exceptions, and permissions that
    were granted all along work at once, without one grant to be seen.

    ## What to do
    Create it again from code; a deleted deny policy cannot be restored. Look at what the principals named as
    exceptions did in between.

    ## Known false positives
    Exceptions for break-glass accounts. Name the automation that manages policies in the settings.

    ## Blind spots
    The entry has the policy after the change. Rules that went away are told by comparing it with the one before.
    """
    if is_second_half(entry):
        return
    name = _policy_name(entry)
    short = name.rpartition("/")[2]
    verb = entry.method.rpartition(".")[2]
    if verb == "DeletePolicy":
        severity, what = Severity.HIGH, "was deleted"
    else:
        severity, what = _weaker(entry)
    yield Match(
        subject=f"deny policy {short}",
        title=f"The deny policy {short} {what} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
        notes=(f"Policy: {name}",),
    )


def _weaker(entry: LogEntry) -> tuple[Severity, str]:
    rules = entry.request.documents("policy.rules")
    if not rules:
        return Severity.HIGH, "was left without rules"
    exceptions = [text for rule in rules for text in rule.texts("denyRule.exceptionPrincipals")]
    if any(text in _EVERYBODY for text in exceptions):
        return Severity.HIGH, "was changed to except everybody"
    if exceptions:
        return Severity.MEDIUM, f"was changed; it now excepts {', '.join(exceptions[:5])}"
    if any(rule.texts("denyRule.exceptionPermissions") for rule in rules):
        return Severity.MEDIUM, "was changed; it now excepts permissions"
    return Severity.LOW, "was changed"


@log_rule(
    "access-boundary-weakened",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(
        IAM,
        _BOUNDARY + "DeletePrincipalAccessBoundaryPolicy",
        _BOUNDARY + "UpdatePrincipalAccessBoundaryPolicy",
        _BINDINGS + "DeletePolicyBinding",
        _BINDINGS + "UpdatePolicyBinding",
    ),
    techniques=["T1562", "T1098"],
)
def access_boundary_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A principal access boundary was deleted, unbound or changed.

    ## Why it matters
    The boundary keeps principals to the resources it names. Without it, an old grant in a foreign organization is
    enough to carry data out with an account of yours.

    ## What to do
    Bind the policy to the principal set again.

    ## Known false positives
    Boundaries widened for a new project: a change weighs less than a removal.

    ## Blind spots
    The principals are named as a set; who is in it is not in the entry.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    name = (
        entry.request.text("name")
        or entry.request.text("policyBinding.name")
        or entry.request.text("principalAccessBoundaryPolicy.name")
        or entry.raw_resource_name
    )
    wide = any("organizations/" in text or text == "*" for text in _resources(entry))
    severity = Severity.HIGH if verb.startswith("Delete") else Severity.MEDIUM if wide else Severity.LOW
    kind = "binding of a boundary" if "Binding" in verb else "principal access boundary"
    what = "was deleted" if verb.startswith("Delete") else "was changed"
    yield Match(
        subject=f"{kind} {name.rpartition('/')[2]}",
        title=f"The {kind} {name.rpartition('/')[2]} {what} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
    )


def _resources(entry: LogEntry) -> tuple[str, ...]:
    rules = entry.request.documents("principalAccessBoundaryPolicy.details.rules")
    return tuple(text for rule in rules for text in rule.texts("resources"))


@log_rule(
    "oauth-client-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(
        IAM,
        *(
            f"google.iam.admin.v1.OauthClients.{verb}"
            for verb in (
                "CreateOauthClient",
                "UpdateOauthClient",
                "UndeleteOauthClient",
                "CreateOauthClientCredential",
                "UpdateOauthClientCredential",
            )
        ),
    ),
    techniques=["T1098.001", "T1550.001"],
)
def oauth_client_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An OAuth client for workforce identities was created or changed, or given a secret.

    ## Why it matters
    An application with such a client obtains tokens of the people who sign in to it. A redirect address that somebody
    else controls receives them.

    ## What to do
    Check the redirect addresses and scopes; delete the credential that nobody asked for.

    ## Known false positives
    Registering an application of your own.

    ## Blind spots
    OAuth clients of the console (Google Auth Platform) write no such entry.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    uris = entry.request.texts("oauthClient.allowedRedirectUris")
    name = (
        entry.request.text("oauthClientId") or entry.request.text("oauthClient.name") or entry.raw_resource_name
    ).rpartition("/")[2]
    plain = any(uri.startswith("http://") and "localhost" not in uri for uri in uris)
    yield Match(
        subject=f"OAuth client {name}: {verb}",
        title=f"{verb} {name} by {entry.caller_name}" + (f", which sends to {', '.join(uris[:3])}" if uris else ""),
        severity=weighed(Severity.HIGH if plain else Severity.MEDIUM, entry, context),
    )


RULES: Final = (deny_policy_weakened, access_boundary_weakened, oauth_client_changed)
