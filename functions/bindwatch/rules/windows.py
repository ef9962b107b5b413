"""Window rules: entries that say nothing one by one. The files under `sql/windows` find them; these word them."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.finding import Category, Severity
from bindwatch.model.principal import parse_email
from bindwatch.rule import Context, Counted, Match, Rule, WindowRow, window_rule
from bindwatch.rules.callers import is_expected
from bindwatch.rules.methods import MINT

_MOST_NAMED: Final = 10


@window_rule(
    "service-account-fan-out",
    Severity.HIGH,
    Category.THREAT,
    counted=Counted(least=5, refused=True, by_target=True),
    methods=MINT,
    techniques=["T1087.004", "T1548.005"],
    equivalents=["stratus:gcp.privilege-escalation.impersonate-service-accounts"],
)
def service_account_fan_out(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller was refused the credentials of five or more service accounts within an hour.

    ## Why it matters
    Nobody who knows which account is theirs tries five. An intruder with a foothold tries every account it can name
    until one opens; if one did, this is CRITICAL.

    ## What to do
    Find the caller: Google leaves users out of refused reads, so go by address and user agent. If any account opened,
    disable it, and look for what was done as it. Then see who holds `roles/iam.serviceAccountTokenCreator`.

    ## Known false positives
    A deployment tool that lost its role on all the accounts it deploys as. Name it in the settings (`automation`): it
    is then LOW.

    ## Blind spots
    A search slower than five accounts an hour. Refusals are only logged where Data Access logs of IAM are on.
    """
    severity = Severity.CRITICAL if row.succeeded else Severity.HIGH
    if is_automation(row, context):
        severity = Severity.LOW
    notes = [f"Refused for: {some_of(row.items)}.", *origin_of(row)]
    if row.succeeded:
        notes.insert(0, f"{row.succeeded} calls of the same caller in that hour succeeded.")
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} was refused the credentials of {len(row.items)} service accounts within an hour",
        resource_name=f"//cloudresourcemanager.googleapis.com/projects/{row.project}" if row.project else "",
        severity=severity,
        notes=tuple(notes),
    )


@window_rule(
    "denial-burst",
    Severity.MEDIUM,
    Category.THREAT,
    counted=Counted(least=20, refused=True),
    techniques=["T1087.004", "T1069.003"],
    equivalents=[
        "panther:GCP.Service.Account.Access.Denied",
        "elastic:ml_gcp_error_message_spike",
        "scc:EXCESSIVE_FAILED_ATTEMPT",
        "scc:AGENT_ENGINE_EXCESSIVE_FAILED_ATTEMPT",
        "secops:gcp_excessive_permission_denied_events",
        "sentinel:GCPIAMTopServiceAccountsFailedActions",
        "sentinel:GCPIAMTopSrcIpAddrFailedActions",
    ],
)
def denial_burst(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller was refused twenty times within an hour, for five or more different permissions.

    ## Why it matters
    Tools that find out what stolen credentials are good for ask for everything and are refused most of it.

    ## What to do
    Ask whoever owns the caller whether they were at work. If it is a service account, see where it runs and whether the
    address is one of its own; then disable it or rotate its keys.

    ## Known false positives
    A scanner or an inventory tool that is allowed less than it asks for; a deployment on its first day.

    ## Blind spots
    Refused reads are only logged where Data Access logs are on, and then without the name of a user.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} was refused {row.calls} times within an hour, for {len(row.items)} permissions",
        resource_name=f"//cloudresourcemanager.googleapis.com/projects/{row.project}" if row.project else "",
        severity=Severity.LOW if is_automation(row, context) else Severity.MEDIUM,
        notes=(f"Refused: {some_of(row.items)}.", *origin_of(row)),
    )


@window_rule(
    "new-impersonator",
    Severity.MEDIUM,
    Category.THREAT,
    methods=MINT,
    techniques=["T1548.005", "T1078.004"],
    equivalents=[
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATION_OF_SA_ADMIN_ACTIVITY",
        "scc:AI_ANOMALOUS_SA_DELEGATION_IMPERSONATION_OF_SA_ADMIN_ACTIVITY",
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATOR_ADMIN_ACTIVITY",
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATOR_DATA_ACCESS",
    ],
)
def new_impersonator(row: WindowRow, context: Context) -> Iterator[Match]:
    """Somebody got the credentials of a service account for the first time, weeks after others had begun to.

    ## Why it matters
    Who becomes which account is a habit: the same pods and pipelines, day after day. A new pair is a new deployment or
    somebody who found a way in. For an account that only pods use, a caller that is no pod is HIGH from the first day.

    ## What to do
    Ask the owner of the account whether it has a new user. If not, take the caller's role on it away and disable the
    account until it is known what was done.

    ## Known false positives
    New pipelines and people on call. Pairs that the settings name as `automation` are INFO.

    ## Blind spots
    The first fourteen days of an account, and whatever was already going on when bindwatch was installed.
    """
    no_pod = "not-a-pod" in row.items
    notes = [f"Others have used {row.target} since {row.known_since}.", *origin_of(row)]
    if no_pod:
        notes.insert(0, "It is an account of pods: until now the GKE metadata server alone minted for it.")
    yield Match(
        subject=f"{row.caller} as {row.target}",
        title=f"{caller_of(row)} became {row.target} for the first time",
        severity=Severity.INFO if is_automation(row, context) else Severity.HIGH if no_pod else Severity.MEDIUM,
        notes=tuple(notes),
    )


@window_rule(
    "dormant-identity-active",
    Severity.MEDIUM,
    Category.THREAT,
    techniques=["T1078.004"],
    equivalents=["scc:DORMANT_SERVICE_ACCOUNT_USED_IN_ACTION", "scc:AI_DORMANT_SERVICE_ACCOUNT_USED_IN_ACTION"],
)
def dormant_identity_active(row: WindowRow, context: Context) -> Iterator[Match]:
    """A service account acted again after sixty days of silence.

    ## Why it matters
    Accounts that nobody uses are accounts that nobody watches; their keys lie in old repositories and backups.

    ## What to do
    Ask its owner. If nobody answers for it: disable the account and delete its keys.

    ## Known false positives
    Jobs that run once a quarter, and projects that are taken up again.

    ## Blind spots
    Only what the log sink sends is activity: an account that reads data all day and changes nothing looks silent where
    Data Access logs are off.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} acted again, for the first time since {row.known_since}",
        severity=Severity.INFO if is_automation(row, context) else Severity.MEDIUM,
        notes=origin_of(row),
    )


WINDOW_RULES: Final[tuple[Rule[WindowRow], ...]] = (
    service_account_fan_out,
    denial_burst,
    new_impersonator,
    dormant_identity_active,
)


def is_automation(row: WindowRow, context: Context) -> bool:
    """Whether the caller is one whose job this is: Google's own agents, and the automation the settings name."""
    caller = parse_email(row.caller_name)
    return caller is not None and is_expected(caller, context)


def caller_of(row: WindowRow) -> str:
    """The caller for people, also one that the log does not name."""
    return row.caller_name or f"A caller the log does not name (from {row.caller_ip or 'an unknown address'})"


def origin_of(row: WindowRow) -> tuple[str, ...]:
    """A note on where the calls came from, as far as the entries tell."""
    known = [
        f"address {row.caller_ip}" if row.caller_ip else "",
        f"user agent {row.user_agent}" if row.user_agent else "",
    ]
    return (f"From {', '.join(part for part in known if part)}.",) if any(known) else ()


def some_of(items: tuple[str, ...]) -> str:
    """The first of the items, and how many more there are."""
    more = len(items) - _MOST_NAMED
    return ", ".join(items[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
