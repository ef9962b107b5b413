"""What a user's settings make of the rules and of what they may know."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from bindwatch.customization.settings_file import SettingsFile
from bindwatch.inventory import Inventory
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.outside import Outside
from bindwatch.rule import Context, Match, Rule, WindowRow

if TYPE_CHECKING:
    from bindwatch.customization.custom_rules import CustomRule

S = TypeVar("S", LogEntry, Inventory, WindowRow)


@dataclass(frozen=True, kw_only=True)
class Customization:
    """The user's settings and rules, ready to be put to use. Without a file, an empty one, which changes nothing."""

    settings: SettingsFile = field(default_factory=SettingsFile)
    custom: "tuple[CustomRule, ...]" = ()
    file: str = ""
    outside: Outside = field(default_factory=Outside)
    notes: tuple[str, ...] = ()
    """What of the user's lists could not be read."""

    def context(self, context: Context) -> Context:
        """The context with what the settings say added to it."""
        said = self.settings
        return replace(
            context,
            trusted_domains=context.trusted_domains | said.trusted_domains,
            trusted_projects=context.trusted_projects | said.trusted_projects,
            automation=(*context.automation, *said.automation),
            break_glass=(*context.break_glass, *said.break_glass),
            change_windows=(*context.change_windows, *said.change_windows),
            outside=self.outside,
        )

    def log_rules(self, rules: Iterable[Rule[LogEntry]]) -> tuple[Rule[LogEntry], ...]:
        """The rules that run, the user's own included, with the severities they were given."""
        return tuple(self._chosen((*rules, *(custom.rule for custom in self.custom))))

    def inventory_rules(self, rules: Iterable[Rule[Inventory]]) -> tuple[Rule[Inventory], ...]:
        """The inventory rules that run."""
        return tuple(self._chosen(rules))

    def window_rules(self, rules: Iterable[Rule[WindowRow]]) -> tuple[Rule[WindowRow], ...]:
        """The window rules that run, each from the number of calls on that the settings say."""
        thresholds = self.settings.thresholds
        return tuple(
            replace(rule, check=_from(rule, thresholds[rule.id])) if rule.id in thresholds else rule
            for rule in self._chosen(rules)
        )

    def _chosen(self, rules: Iterable[Rule[S]]) -> Iterator[Rule[S]]:
        said = self.settings
        for rule in rules:
            if rule.id in said.disabled_rules:
                continue
            severity = said.severities.get(rule.id)
            yield rule if severity is None else replace(rule, severity=severity, fixed_severity=severity)


class _from:  # noqa: N801 - a check, spelled like one
    def __init__(self, rule: Rule[WindowRow], least: int) -> None:
        self._check = rule.check
        self._least = least

    def __call__(self, row: WindowRow, context: Context) -> Iterable[Match]:
        matches: Sequence[Match] = ()
        return self._check(row, context) if row.calls >= self._least else matches
