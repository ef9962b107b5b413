"""Window rules: entries that say nothing one by one. The files under `sql/windows` find them; these word them."""

from typing import Final

from bindwatch.rule import Rule, WindowRow
from bindwatch.rules import denials
from bindwatch.rules.windows import discovery, habit, ourselves, refusals

WINDOW_RULES: Final[tuple[Rule[WindowRow], ...]] = (
    *denials.WINDOW_RULES,
    *refusals.RULES,
    *discovery.RULES,
    *habit.RULES,
    *ourselves.RULES,
)
