"""Rules for a known identity that turns up where or how it does not belong, told from a single entry."""

import re
from collections.abc import Iterator
from typing import Final

from bindwatch.model.account_email import AccountOrigin
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import ANY_METHOD, Context, Match, Outcome, log_rule
from bindwatch.rules.addresses import comes_from_internet
from bindwatch.rules.responses import account_stopped
from bindwatch.rules.weight import is_routine

# No machine of Compute Engine runs these: a token of one that comes from there was carried away.
_WORKSTATION: Final = re.compile(r"(?i)\b(?:darwin|macintosh|mac ?os|windows nt|from-script/false.*windows|mozilla/5)")


def _is_default_account(entry: LogEntry, _context: Context) -> bool:
    info = entry.authentication
    return "developer.gserviceaccount.com" in (
        info.principal_email or info.principal_subject or info.authority_selector
    )


@log_rule(
    "attached-identity-used-outside",
    Severity.HIGH,
    Category.THREAT,
    methods=(ANY_METHOD,),
    guard=_is_default_account,
    techniques=["T1552.005", "T1078.004"],
    equivalents=["stratus:gcp.initial-access.use-compute-sa-outside-gcp"],
)
def attached_identity_used_outside(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A default service account, which machines use, called from a person's computer.

    ## Why it matters
    The token of an attached service account comes from the metadata server of a machine. Used from a workstation it was
    carried away, by somebody who could run a command on the machine or reach its metadata through an application.

    ## What to do
    Find the machine, its service account and who was on it. Tokens end after an hour; disabling the account ends them
    at once, and with them everything else that runs as it.

    ## Known false positives
    A person who signs in with a key of the default account: the entry then names the key, and a rule on keys says so.

    ## Blind spots
    An intruder who calls from Linux in a cloud looks like any other machine.
    """
    caller = entry.caller
    if caller is None or caller.origin is not AccountOrigin.COMPUTE_DEFAULT or entry.key_name:
        return
    found = _WORKSTATION.search(entry.user_agent)
    if found is None or not comes_from_internet(entry) or is_routine(entry, context):
        return
    yield Match(
        subject=f"{caller.email} from {entry.caller_ip}",
        title=f"{caller.email} called from {entry.caller_ip} with a user agent of {found[0].strip()}",
        resource_name=f"//cloudresourcemanager.googleapis.com/{entry.scope}",
        remediation=account_stopped(caller.email, entry.project, "Until it is clear who took its token"),
    )


def _names_no_tool(entry: LogEntry, _context: Context) -> bool:
    return not entry.user_agent


@log_rule(
    "user-agent-missing",
    Severity.INFO,
    Category.THREAT,
    methods=(ANY_METHOD,),
    guard=_names_no_tool,
    techniques=["T1078.004"],
    equivalents=["sentinel:GCPIAMEmptyUA"],
)
def user_agent_missing(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A service account called from the internet without saying with what.

    ## Why it matters
    Google's libraries name themselves. A bare request is a script, or somebody who does not want to be recognised.

    ## What to do
    Look at the address and at what else came from it.

    ## Known false positives
    Hand-written clients: hence INFO.

    ## Blind spots
    Any text at all hides it.
    """
    caller = entry.caller
    if caller is None or not caller.is_user_managed_service_account:
        return
    if comes_from_internet(entry) and not is_routine(entry, context):
        yield Match(
            subject=f"{caller.email} from {entry.caller_ip}",
            title=f"{caller.email} called from {entry.caller_ip} without a user agent",
            resource_name=f"//cloudresourcemanager.googleapis.com/{entry.scope}",
            confidence=Confidence.LOW,
        )


def _is_emergency(entry: LogEntry, context: Context) -> bool:
    return bool(context.break_glass) and context.is_break_glass(entry.caller)


@log_rule(
    "break-glass-used",
    Severity.HIGH,
    Category.THREAT,
    methods=(ANY_METHOD,),
    outcome=Outcome.ANY,
    guard=_is_emergency,
    techniques=["T1078.004"],
)
def break_glass_used(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An emergency account was used.

    ## Why it matters
    Emergency accounts can do everything, and are for the day on which nothing else works. Any other use is somebody's
    shortcut, or an intruder's.

    ## What to do
    Ask who opened the seal, and why. See what was done with it, take back what was granted, and change its credential.

    ## Known false positives
    The emergency, and its rehearsal: announce the latter as a change window in the settings; it weighs less then. Close
    the finding with the incident's number.

    ## Blind spots
    Accounts that the settings do not name (`break_glass`). Reads, where Data Access logs are off.
    """
    caller = entry.caller
    if caller is None or not context.is_break_glass(caller):
        return
    expected = context.in_change_window(entry)
    yield Match(
        subject=caller.identity,
        title=f"The emergency account {caller.email or caller.member} was used: {entry.method}",
        resource_name=f"//cloudresourcemanager.googleapis.com/{entry.scope}",
        severity=Severity.CRITICAL if expected is False else Severity.HIGH,
        notes=("It was refused.",) if entry.denied else (),
    )


RULES: Final = (break_glass_used, attached_identity_used_outside, user_agent_missing)
