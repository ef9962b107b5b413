"""Window rules for who is refused again and again."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.finding import Category, Severity
from bindwatch.rule import Context, Counted, Match, Rule, WindowRow, window_rule
from bindwatch.rules.methods import MINT
from bindwatch.rules.windows.rows import caller_of, is_automation, origin_of, some_of


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


RULES: Final[tuple[Rule[WindowRow], ...]] = (service_account_fan_out, denial_burst)
