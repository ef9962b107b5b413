"""Rules for what takes access away again: deny policies, principal access boundaries; and for OAuth clients."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from bindwatch.model.finding import Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.methods import IAM, activity
from bindwatch.rules.object_state import UNKNOWN_BEFORE, boundary_binding_of, boundary_of, deny_policy_of, items
from bindwatch.rules.weight import is_second_half, weighed

_DENY: Final = "google.iam.v2*.Policies."
_BOUNDARY: Final = "google.iam.v3*.PrincipalAccessBoundaryPolicies."
_BINDINGS: Final = "google.iam.v3*.PolicyBindings."
_ACCESS: Final = "google.iam.v3*.AccessPolicies."
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
    The entry has the policy after the change. It is compared with what an audit or an earlier entry told; where nothing
    did, rules that went away cannot be told.
    """
    if is_second_half(entry):
        return
    name = _policy_name(entry)
    short = name.rpartition("/")[2]
    verb = entry.method.rpartition(".")[2]
    severity, what = Severity.HIGH, "was deleted"
    notes: list[str] = []
    if verb != "DeletePolicy":
        before, after = entry.before, deny_policy_of(entry)
        if before is not None and after is not None and "rules" in before:
            lost = list(_lost(items(before, "rules"), items(after.fields, "rules")))
            if not lost:
                return
            severity, what, notes = max(weight for weight, _ in lost), "was weakened", [words for _, words in lost[:10]]
        else:
            severity, what = _weaker(entry)
            notes = [UNKNOWN_BEFORE]
    yield Match(
        subject=f"deny policy {short}",
        title=f"The deny policy {short} {what} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
        notes=(f"Policy: {name}", *notes),
    )


def _lost(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[tuple[Severity, str]]:
    """What the rules before denied and those after do not, or not to everybody."""
    for old in before:
        same = [new for new in after if _covers(new["principals"], old["principals"])]
        strict = [new for new in same if _is_as_strict(new, old)]
        lost = _uncovered(old["permissions"], strict)
        if not lost:
            continue
        gone = _uncovered(lost, same)
        if gone:
            others = {who for new in after if not _uncovered(gone, [new]) for who in new["principals"]}
            whom = sorted(set(old["principals"]) - others) or old["principals"]
            yield Severity.HIGH, f"It no longer denies {_listed(gone)} to {_listed(whom)}"
        if len(gone) == len(lost):
            continue
        kept = [new for new in same if len(_uncovered(lost, [new])) < len(lost)]
        excepted = sorted({who for new in kept for who in new["excepted"]} - set(old["excepted"]))
        if excepted:
            everybody = any(who in _EVERYBODY for who in excepted)
            yield Severity.HIGH if everybody else Severity.MEDIUM, f"It now excepts {_listed(excepted)}"
        spared = sorted({item for new in kept for item in new["spared"]} - set(old["spared"]))
        if spared:
            yield Severity.MEDIUM, f"It now excepts the permissions {_listed(spared)}"
        for condition in sorted({new["condition"] for new in kept} - {old["condition"], ""}):
            weight = Severity.MEDIUM if old["condition"] else Severity.HIGH
            yield weight, f"It denies only where {condition}; before: {old['condition'] or 'always'}"


def _covers(wide: list[str], narrow: list[str]) -> bool:
    return set(narrow) <= set(wide) or any(who in wide for who in _EVERYBODY)


def _is_as_strict(new: dict[str, Any], old: dict[str, Any]) -> bool:
    return (
        set(new["excepted"]) <= set(old["excepted"])
        and set(new["spared"]) <= set(old["spared"])
        and new["condition"] in ("", old["condition"])
    )


def _uncovered(permissions: list[str], rules: list[dict[str, Any]]) -> list[str]:
    denied = {item for rule in rules for item in rule["permissions"]}
    wide = tuple(item.removesuffix("*") for item in denied if item.endswith("*"))
    return [item for item in permissions if item not in denied and not (wide and item.startswith(wide))]


def _listed(texts: list[str]) -> str:
    return ", ".join(texts[:5]) + (f" and {len(texts) - 5} more" if len(texts) > 5 else "")


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
        _ACCESS + "DeleteAccessPolicy",
        _ACCESS + "UpdateAccessPolicy",
    ),
    techniques=["T1562", "T1098"],
)
def access_boundary_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A principal access boundary or an access policy was deleted, unbound or changed.

    ## Why it matters
    The boundary keeps principals to the resources it names. Without it, an old grant in a foreign organization is
    enough to carry data out with an account of yours. An access policy may deny as well as allow.

    ## What to do
    Bind the policy to the principal set again.

    ## Known false positives
    Boundaries widened for a new project: a change weighs less than a removal.

    ## Blind spots
    What an access policy said before it was deleted is not in the entry: it is MEDIUM, whatever it was.
    The principals are named as a set; who is in it is not in the entry. A change is compared with what an audit or an
    earlier entry told; where nothing did, it is judged by the resources it names.
    """
    if is_second_half(entry):
        return
    verb = entry.method.rpartition(".")[2]
    name = (
        entry.request.text("name")
        or entry.request.text("policyBinding.name")
        or entry.request.text("principalAccessBoundaryPolicy.name")
        or entry.request.text("accessPolicy.name")
        or entry.raw_resource_name
    )
    severity, what = Severity.HIGH, "was deleted"
    notes: list[str] = []
    if not verb.startswith("Delete"):
        found = _opened(entry)
        if found is None:
            return
        severity, notes = found
        what = "was changed"
    kind = "binding of a boundary" if "Binding" in verb else "principal access boundary"
    if verb.endswith("AccessPolicy"):
        kind, severity = "access policy", min(severity, Severity.MEDIUM)
    yield Match(
        subject=f"{kind} {name.rpartition('/')[2]}",
        title=f"The {kind} {name.rpartition('/')[2]} {what} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
        notes=tuple(notes),
    )


def _opened(entry: LogEntry) -> tuple[Severity, list[str]] | None:
    """How much a change of a boundary or of its binding weighs, and why; None where it is known to open nothing."""
    before, written = entry.before or {}, boundary_of(entry) or boundary_binding_of(entry)
    fields = written.fields if written is not None else {}
    if "resources" in fields:
        resources, known = fields["resources"].split(), "resources" in before
        added = sorted(set(resources) - set(before.get("resources", "").split()))
        wide = any("organizations/" in text or text == "*" for text in added)
        if not known:
            return Severity.MEDIUM if wide else Severity.LOW, [UNKNOWN_BEFORE]
        return (Severity.HIGH if wide else Severity.MEDIUM, [f"It now reaches {_listed(added)}"]) if added else None
    if "condition" in fields:
        if "condition" not in before:
            return Severity.LOW, [UNKNOWN_BEFORE]
        old, new = before["condition"], fields["condition"]
        if new in ("", old):
            return None
        return Severity.MEDIUM, [f"It binds only where {new}; before: {old or 'always'}"]
    return Severity.LOW, []


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
