"""What the shell is told when a name is begun and Tab is pressed; and the nearest name for a typo."""

from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from bindwatch.rule import Rule


def rules_by_id() -> dict[str, Rule[Any]]:
    """Every rule that runs here, the user's own included."""
    from bindwatch.adapters.customization_files import load_customization
    from bindwatch.rules import INVENTORY_RULES, LOG_RULES, WINDOW_RULES

    customization = load_customization()
    every: list[Rule[Any]] = [
        *LOG_RULES,
        *INVENTORY_RULES,
        *WINDOW_RULES,
        *(custom.rule for custom in customization.custom),
    ]
    return {rule.id: rule for rule in every}


def check_rule(rule_id: str) -> None:
    """Raise UsageError where no rule has this id, with those that are near."""
    known = rules_by_id()
    if rule_id not in known:
        raise click.UsageError(f"no rule {rule_id!r}.{near(rule_id, known)} `bindwatch rules` lists them all.")


def near(name: str, known: Iterable[str]) -> str:
    """` Did you mean …?`, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), n=3)
    return f" Did you mean {', '.join(found)}?" if found else ""


def rules(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The ids of rules that begin so, with what they find."""
    return [CompletionItem(name, help=rule.title) for name, rule in rules_by_id().items() if name.startswith(begun)]


def findings(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The ids of findings that begin so, of the store that the line names or the usual one."""
    from bindwatch.cli import stored
    from bindwatch.errors import BindwatchError

    place = context.params.get("place") or stored.DEFAULT
    try:
        with stored.opened(place) as store:
            rows = store.find(now=stored.now(), state="", finding_id=begun.lower())
    except BindwatchError:
        return []
    return [CompletionItem(row["finding_id"][:10], help=f"{row['severity']} {row['title']}") for row in rows]


def mutes(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The ids of mutes that begin so."""
    from bindwatch.cli import stored
    from bindwatch.errors import BindwatchError

    try:
        with stored.opened(context.params.get("place") or stored.DEFAULT) as store:
            return [CompletionItem(row["mute_id"], help=row["reason"]) for row in store.active_mutes(begun)]
    except BindwatchError:
        return []


def questions(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The questions that begin so."""
    from bindwatch.adapters.questions import questions as known

    return [CompletionItem(name, help=item.question) for name, item in known().items() if name.startswith(begun)]
