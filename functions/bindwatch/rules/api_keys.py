"""Rules on API keys: strings that open an API to whoever has them."""

from collections.abc import Iterator
from typing import Final

from bindwatch.inventory.identities import ApiKey
from bindwatch.inventory.parsers.identities import api_key
from bindwatch.inventory.parsers.place import Place
from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import Category, Remediation, Severity, State
from bindwatch.model.log_entry import LogEntry, once
from bindwatch.model.resource import canonical
from bindwatch.model.update_mask import mask_of
from bindwatch.rule import Context, Match, Method, log_rule
from bindwatch.rules.callers import is_expected, is_outsider, is_person
from bindwatch.rules.methods import DEPLOYMENTS, activity
from bindwatch.rules.weight import is_second_half, weighed

_API_KEYS: Final = "apikeys.googleapis.com"
_UPDATES: Final = activity(_API_KEYS, "google.api.apikeys.v*.ApiKeys.UpdateKey")
_EVERY_API: Final = "cloudapis.googleapis.com"


def words(key: ApiKey) -> str:
    """A key for people."""
    return f"API key {key.display_name or key.name.rpartition('/')[2]} of project {key.project}"


def opens_every_api(key: ApiKey) -> bool:
    """Whether no API of its project that takes keys is closed to it."""
    return not key.api_targets or _EVERY_API in key.api_targets


def restricted_to_apis(key: ApiKey) -> Remediation:
    """The way out for a key that opens more APIs than it is for."""
    return _restricted(key, "--api-target=service=YOUR_SERVICE", "Restrict the key to the APIs its clients call")


def restricted_to_callers(key: ApiKey) -> Remediation:
    """The way out for a key that anybody can use."""
    return _restricted(key, "--allowed-ips=YOUR_ADDRESSES", "Restrict the key to where it is used")


def _restricted(key: ApiKey, flag: str, summary: str) -> Remediation:
    update = ("gcloud", "services", "api-keys", "update", key.name.rpartition("/")[2], f"--project={key.project}", flag)
    return remedy(summary, Run(update), risk="Callers of other APIs, or from elsewhere, are refused from then on.")


@log_rule(
    "api-key-created",
    Severity.LOW,
    Category.THREAT,
    methods=(
        *activity(_API_KEYS, "google.api.apikeys.v*.ApiKeys.Create*Key", "google.api.apikeys.v*.ApiKeys.UndeleteKey"),
        *DEPLOYMENTS,
    ),
    techniques=["T1548", "T1098.001"],
    equivalents=["panther:GCP.serviceusage.apiKeys.create.Privilege.Escalation"],
)
def api_key_created(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An API key was created, or a deleted one brought back.

    ## Why it matters
    An API key is a string that works for whoever has it. Without restrictions it opens every API of the project that
    takes keys, and what it costs is billed to the project.

    ## What to do
    Restrict it to the APIs and callers it is for, or delete it.

    ## Known false positives
    Keys for maps in web pages, with their restrictions. Bound to a service account, or without any restriction: MEDIUM.

    ## Blind spots
    Restrictions added afterwards are in another entry (UpdateKey). A deployment that makes a key shows only that.
    """
    if entry.granted_permissions.isdisjoint(_MAKES_KEYS):
        return
    revived = entry.method.endswith("UndeleteKey")
    bound = entry.request.text("key.serviceAccountEmail")
    restricted = entry.request.has("key.restrictions")
    name = entry.response.text("name") or entry.raw_resource_name
    weighty = bool(bound) or revived or (not restricted and entry.request.has("key"))
    yield Match(
        subject=name,
        title=f"A deleted API key was brought back by {entry.caller_name}, and works as it did"
        if revived
        else f"An API key{f' that acts as {bound}' if bound else ''} was created by {entry.caller_name}",
        severity=Severity.MEDIUM if weighty and not is_expected(entry.caller, context) else Severity.LOW,
        notes=() if restricted or revived or entry.service != _API_KEYS else ("The request sets no restriction.",),
        remediation=remedy("Delete the key", Run(("gcloud", "services", "api-keys", "delete", name)))
        if "/keys/" in name
        else None,
    )


_MAKES_KEYS: Final = ("apikeys.keys.create", "apikeys.keys.undelete", "serviceusage.apiKeys.create")


@log_rule(
    "api-key-secret-read",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(Method(_API_KEYS, "google.api.apikeys.v2.ApiKeys.GetKeyString", "data_access", "ADMIN_READ"),),
    techniques=["T1555"],
    equivalents=["secops:gcp_service_api_key_retrieved"],
)
def api_key_secret_read(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The string of an API key was read.

    ## Why it matters
    From then on the reader can use the key from anywhere, and its use is not logged under their name.

    ## What to do
    Ask the reader. If nobody answers for it, delete the key and make another.

    ## Known false positives
    The console reads it when somebody presses "show key"; Terraform reads it on every refresh (named automation is not
    reported).

    ## Blind spots
    Data Access logs (ADMIN_READ) must be on for apikeys.googleapis.com.
    """
    if is_expected(entry.caller, context):
        return
    person = is_person(entry.caller)
    yield Match(
        subject=f"{entry.caller_key} {entry.raw_resource_name}",
        title=f"{entry.caller_name} read the string of API key {entry.raw_resource_name.rpartition('/')[2]}",
        severity=Severity.LOW if person and not is_outsider(entry.caller, context) else Severity.MEDIUM,
    )


@log_rule(
    "api-key-opens-every-api",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=_UPDATES,
    techniques=["T1552.001"],
)
def api_key_opens_every_api(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An API key opened every API of its project that takes keys.

    ## Why it matters
    A key made for a map then also pays for, and reads from, whatever is switched on later. Where the Gemini API is on,
    a key that stands in a web page is a free model for everybody: HIGH.

    ## What to do
    Restrict the key to the APIs its clients call.

    ## Known false positives
    None known.

    ## Blind spots
    Whether an API that is on takes keys at all. Of keys that are created so, `api-key-created` tells.
    """
    key = _rewritten(entry)
    if key is None:
        return
    is_open = opens_every_api(key)
    yield Match(
        subject=key.name.rpartition("/")[2],
        title=f"{words(key)} {'opens every API of the project' if is_open else 'opens some APIs only'}"
        f" since {entry.caller_name} changed it",
        resource_name=key.name,
        state=State.OPEN if is_open else State.RESOLVED,
        severity=weighed(Severity.MEDIUM, entry, context),
        remediation=restricted_to_apis(key) if is_open else None,
    )


@log_rule(
    "api-key-for-every-caller",
    Severity.LOW,
    Category.HYGIENE,
    methods=_UPDATES,
    techniques=["T1552.001"],
)
def api_key_for_every_caller(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An API key could be used from anywhere.

    ## Why it matters
    Whoever copies it uses it: neither addresses, referrers nor applications are asked for.

    ## What to do
    Restrict it to the servers, web sites or applications that use it.

    ## Known false positives
    Keys used by clients that have no fixed address. Referrers can be forged: the restriction is a fence, not a wall.

    ## Blind spots
    How narrow a restriction is. One that everybody meets (`*`, `0.0.0.0/0`, or no value) counts as none.
    """
    key = _rewritten(entry)
    if key is None:
        return
    is_open = not key.application_restriction
    yield Match(
        subject=key.name.rpartition("/")[2],
        title=f"{words(key)} can be used from {'anywhere' if is_open else 'some places only'}"
        f" since {entry.caller_name} changed it",
        resource_name=key.name,
        state=State.OPEN if is_open else State.RESOLVED,
        remediation=restricted_to_callers(key) if is_open else None,
    )


@once
def _rewritten(entry: LogEntry) -> ApiKey | None:
    """The key as an update leaves it; None where the update is about something else than its restrictions.

    An update writes the restrictions as a whole (https://cloud.google.com/api-keys/docs/reference/rest/v2/projects.locations.keys/patch).
    """
    request = entry.request
    if is_second_half(entry) or not mask_of(request).writes("restrictions", request.document("key")):
        return None
    name = entry.named(canonical(request.text("key.name") or entry.raw_resource_name, service=_API_KEYS))
    return next(api_key(request.document("key"), Place(name=name, project=entry.project)), None)


RULES = (api_key_created, api_key_secret_read, api_key_opens_every_api, api_key_for_every_caller)
