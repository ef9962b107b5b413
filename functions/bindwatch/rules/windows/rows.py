"""What the rows of windows say of callers, in words."""

from typing import Final

from bindwatch.model.principal import parse_email
from bindwatch.rule import Context, WindowRow
from bindwatch.rules.callers import is_expected

_MOST_NAMED: Final = 10


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
