"""Rules that need what no log says: lists of bad addresses and leaked keys, and where an address is."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import SetServiceAccountKeyEnabled, remedy
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.resource import service_account_name
from bindwatch.rule import ANY_METHOD, Context, Match, Outcome, log_rule
from bindwatch.rules.methods import CREDENTIALS
from bindwatch.rules.responses import caller_stopped
from bindwatch.rules.weight import is_routine


def _where(entry: LogEntry) -> str:
    return f"//cloudresourcemanager.googleapis.com/{entry.scope}"


def _listed(entry: LogEntry, context: Context) -> str:
    outside = context.outside
    return outside.addresses.why(entry.caller_ip) if outside.addresses is not None else ""


def _is_listed(entry: LogEntry, context: Context) -> bool:
    return bool(entry.caller_ip) and bool(_listed(entry, context))


def _from_listed(entry: LogEntry, why: str) -> Match:
    """The match for a call from an address that is known for no good; it weighs by what was done."""
    weighty = entry.log == "activity" or entry.service == CREDENTIALS
    severity = Severity.LOW if entry.failed else Severity.HIGH if weighty else Severity.MEDIUM
    done = "was refused" if entry.denied else "failed in" if entry.failed else "made"
    return Match(
        subject=f"{entry.caller_key} from {entry.caller_ip}",
        title=f"{entry.caller_name} {done} calls from {entry.caller_ip}, {why}",
        resource_name=_where(entry),
        severity=severity,
        remediation=None if entry.failed else caller_stopped(entry, "If nobody answers for the calls"),
    )


@log_rule(
    "call-from-listed-address",
    Severity.HIGH,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.ANY,
    guard=_is_listed,
    outside=["address_list"],
    techniques=["T1090.003", "T1078.004"],
    equivalents=[
        "panther:Standard.GreyNoiseV3.MaliciousIP",
        "panther:Standard.OTX.MaliciousIndicator",
        "scc:ANOMALOUS_ACCESS",
        "scc:GKE_TOR_PROXY_IP_REQUEST",
        "secops:gcp_successful_api_from_tor_exit_node",
    ],
)
def call_from_listed_address(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A call came from an address on a list of bad ones.

    ## Why it matters
    Scanners, stolen credentials and people who hide call from such addresses. What succeeded from there was done by
    somebody who had a credential of yours.

    ## What to do
    Disable the account or key, end its sessions, and read what else it did. A refused call tells that somebody knows
    the name of the project.

    ## Known false positives
    Feeds are coarse: shared hosting, and addresses that changed hands. Keep the list fresh; take out what is yours.

    ## Blind spots
    Off without a list (`[outside].address_list`). Reads are only seen where Data Access logs are on.
    """
    why = _listed(entry, context)
    if why and not is_routine(entry, context):
        yield _from_listed(entry, f"which is listed ({why})")


def _anonymous(entry: LogEntry, context: Context) -> str:
    return context.outside.place(entry.caller_ip).anonymous


def _is_anonymous(entry: LogEntry, context: Context) -> bool:
    return bool(_anonymous(entry, context))


@log_rule(
    "call-through-anonymiser",
    Severity.HIGH,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.ANY,
    guard=_is_anonymous,
    outside=["geoip"],
    techniques=["T1090.003", "T1078.004"],
    equivalents=[
        "scc:ANOMALOUS_ACCESS",
        "scc:GKE_TOR_PROXY_IP_REQUEST",
        "secops:gcp_successful_api_from_tor_exit_node",
    ],
)
def call_through_anonymiser(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A call came through Tor, a public proxy or an anonymous VPN.

    ## Why it matters
    Nobody at work hides from their own employer; whoever holds a stolen credential does.

    ## What to do
    Disable the account or key, end its sessions, and read what else it did.

    ## Known false positives
    People who use a private VPN at home.

    ## Blind spots
    Off without a database that knows anonymity (`[outside].geoip`); one of countries alone does not. New exits.
    """
    why = _anonymous(entry, context)
    if why and not is_routine(entry, context):
        yield _from_listed(entry, why)


def _leaked(entry: LogEntry, context: Context) -> bool:
    keys = context.outside.leaked_keys
    return bool(keys) and entry.key_name.rpartition("/")[2].lower() in (keys or ())


@log_rule(
    "leaked-key-used",
    Severity.CRITICAL,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.ANY,
    guard=_leaked,
    outside=["leaked_keys"],
    techniques=["T1552.001", "T1078.004"],
    equivalents=["scc:LEAKED_SA_KEY_USED"],
)
def leaked_key_used(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service-account key that is known to have leaked was used.

    ## Why it matters
    The key is in strangers' hands. Whatever the account may do, they may do; the log cannot tell them from you.

    ## What to do
    Disable the key now, then see from which addresses it was used and what for. Move what needs it to Workload
    Identity.

    ## Known false positives
    None: also where your own workload used it, the key must go.

    ## Blind spots
    Off without a list (`[outside].leaked_keys`). App Engine and Compute Engine do not log which key was used. Google
    disables keys it finds on GitHub itself, where the organization policy says so.
    """
    key_id = entry.key_name.rpartition("/")[2]
    email = entry.key_name.partition("/serviceAccounts/")[2].partition("/")[0]
    project = entry.key_name.partition("/projects/")[2].partition("/")[0]
    if not key_id:
        return
    yield Match(
        subject=key_id,
        title=f"The leaked key {key_id} of {email or entry.caller_name} was used from {entry.caller_ip or 'nowhere'}",
        resource_name=service_account_name(email, project) if email else _where(entry),
        severity=Severity.HIGH if entry.failed else Severity.CRITICAL,
        notes=(f"It called {entry.service} {entry.method}.",),
        remediation=remedy(
            "Disable the key", SetServiceAccountKeyEnabled(email, key_id, False, project), risk="What uses it fails."
        )
        if email
        else None,
    )


def _is_elsewhere(entry: LogEntry, context: Context) -> bool:
    outside = context.outside
    country = outside.place(entry.caller_ip).country if outside.countries else ""
    return bool(country) and country not in outside.countries


@log_rule(
    "call-from-unexpected-country",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.ANY,
    guard=_is_elsewhere,
    outside=["geoip", "countries"],
    techniques=["T1078.004"],
)
def call_from_unexpected_country(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A call came from a country that calls are not expected from.

    ## Why it matters
    Where everybody works in a few countries, a call from elsewhere is a journey or a stolen credential.

    ## What to do
    Ask the person; for a service account or a key, disable it and find out where it runs.

    ## Known false positives
    Journeys, phones on foreign networks, and addresses that the database places wrongly. LOW where it was refused.

    ## Blind spots
    Off without a database and a list of countries (`[outside].geoip`, `[outside].countries`).
    """
    if is_routine(entry, context):
        return
    place = context.outside.place(entry.caller_ip)
    yield Match(
        subject=f"{entry.caller_key} from {place.country}",
        title=f"{entry.caller_name} called from {place.country} ({entry.caller_ip})",
        resource_name=_where(entry),
        severity=Severity.LOW if entry.failed else Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        notes=(f"Network: {place.network}.",) if place.network else (),
        remediation=caller_stopped(entry, "If nobody answers for the call"),
    )


RULES: Final = (call_from_listed_address, call_through_anonymiser, leaked_key_used, call_from_unexpected_country)
