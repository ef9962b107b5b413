"""Judging: which rules look at a subject, and what they found.

The cost of an entry does not grow with rules whose methods it does not have: dispatch is memoised by service, method
and outcome. Traffic that repeats itself (a workload minting its token every hour) is judged once: the facts that
decide are remembered when they gave no finding, and the same facts again cost one look-up.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bindwatch.errors import InputError
from bindwatch.inventory import Coverage, Inventory
from bindwatch.model.finding import Finding
from bindwatch.model.log_entry import LogEntry, decode, decode_facts
from bindwatch.rule import Context, Outcome, Rule

_MOST_REMEMBERED: Final = 32_768


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """A rule that raised. It never looks like "nothing found": it is stored, counted and makes the command exit 2."""

    rule_id: str
    source_key: str
    error: str


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A rule that could not look, and what it would have needed."""

    rule_id: str
    missing: tuple[Coverage, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one subject."""

    findings: tuple[Finding, ...] = ()
    failures: tuple[RuleFailure, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.findings or self.failures or self.not_checked)


NOTHING: Final = Verdict()
_Guard = Callable[[LogEntry, Context], bool] | None
_Rules = tuple[tuple[_Guard, tuple[Rule[LogEntry], ...]], ...]


class Engine:
    """Judges entries and inventories with a fixed set of rules in a fixed context.

    Judging twice gives equal verdicts; the order of the rules does not matter beyond the order of the findings.
    Several threads may share one: what it remembers are a set and a dictionary, each change to which is a single step,
    and two that learn the same at once learn it equally.
    """

    def __init__(
        self,
        context: Context,
        log_rules: Sequence[Rule[LogEntry]] = (),
        inventory_rules: Sequence[Rule[Inventory]] = (),
    ) -> None:
        self.context = context
        self.log_rules = tuple(log_rules)
        self.inventory_rules = tuple(inventory_rules)
        self._dispatch: dict[tuple[str, str, bool], _Rules] = {}
        self._quiet: set[int] = set()

    def rules_for(self, service: str, method: str, *, has_failed: bool) -> _Rules:
        """The rules that read entries of this method and outcome, by their guards."""
        key = (service, method, has_failed)
        rules = self._dispatch.get(key)
        if rules is None:
            unread = Outcome.SUCCEEDED if has_failed else Outcome.FAILED
            rules = _by_guard(
                rule
                for rule in self.log_rules
                if rule.outcome is not unread and any(known.matches(service, method) for known in rule.methods)
            )
            if len(self._dispatch) >= _MOST_REMEMBERED:  # hostile method names must not fill the memory
                self._dispatch.clear()
            self._dispatch[key] = rules
        return rules

    def judge_line(self, line: bytes) -> Verdict:
        """Judge one entry from its JSON text. Raises InputError where it is no audit log entry."""
        facts = decode_facts(line)
        if facts is None:
            return self.judge_entry(decode(line))
        # A hash stands for the facts: comparing them would touch twenty cold objects. It is 61 bits, keyed anew in
        # each process, so that nobody outside can aim for a collision.
        known = hash(facts)
        if known in self._quiet:
            return NOTHING
        # Few rules ask for more than the facts, so the rest is decoded for those alone.
        entry = LogEntry.known_by(facts, line) if facts.proto_payload.method_name else decode(line)
        return self._judge(entry, known)

    def judge_data(self, line: bytes) -> tuple[LogEntry, Verdict]:
        """Judge one entry from its JSON text as `judge_line` does, for who needs the entry as well."""
        facts = decode_facts(line)
        entry = decode(line, facts)
        if facts is None:
            return entry, self.judge_entry(entry)
        known = hash(facts)
        return entry, NOTHING if known in self._quiet else self._judge(entry, known)

    def judge_entry(self, entry: LogEntry) -> Verdict:
        """Judge one entry. Raises InputError where a rule asks for a part of it that turns out to be no text."""
        context = self.context
        findings: list[Finding] = []
        failures: list[RuleFailure] = []
        for guard, rules in self.rules_for(entry.service, entry.method, has_failed=entry.failed):
            try:
                if guard is not None and not guard(entry, context):
                    continue
            except InputError:
                raise
            except Exception as error:  # then nobody knows whether its rules would have matched
                failures += (_failure(rule.id, entry, error) for rule in rules)
                continue
            for rule in rules:
                try:  # as Rule.judge does, without a generator for each of the many rules that stay silent
                    for match in rule.check(entry, context):
                        findings.append(rule.finding(match, entry, context))  # noqa: PERF401 - one more frame per rule
                except InputError:
                    raise
                except Exception as error:  # a rule may raise anything; its neighbours still count
                    failures.append(_failure(rule.id, entry, error))
        return Verdict(tuple(findings), tuple(failures)) if findings or failures else NOTHING

    def _judge(self, entry: LogEntry, known: int) -> Verdict:
        """Judge an entry, and remember what was quiet for reasons that hold for its repetitions."""
        verdict = self.judge_entry(entry)
        if verdict is NOTHING and not entry.was_read_deeply:
            if len(self._quiet) >= _MOST_REMEMBERED:  # a bound, not a cache policy: what repeats comes back at once
                self._quiet.clear()
            self._quiet.add(known)
        return verdict

    def judge_inventory(self, inventory: Inventory) -> Verdict:
        """Judge a whole inventory. A rule whose input is absent is in `not_checked`, with the reason."""
        findings: list[Finding] = []
        failures: list[RuleFailure] = []
        not_checked: list[NotChecked] = []
        for rule in self.inventory_rules:
            missing = tuple(coverage for part in rule.needs if not (coverage := inventory.coverage(part)))
            if missing:
                not_checked.append(NotChecked(rule.id, missing))
                continue
            try:
                findings += rule.judge(inventory, self.context)
            except Exception as error:  # a rule may raise anything; its neighbours still count
                failures.append(RuleFailure(rule.id, "inventory", f"{type(error).__name__}: {error}"))
        return Verdict(tuple(findings), tuple(failures), tuple(not_checked))


def judge_lines(engine: Engine, lines: Iterable[bytes]) -> Iterable[Verdict | InputError]:
    """Judge entries line by line; a bad line gives its InputError and costs its neighbours nothing."""
    for line in lines:
        try:
            yield engine.judge_line(line)
        except InputError as error:
            yield error


def _by_guard(rules: Iterable[Rule[LogEntry]]) -> _Rules:
    groups: dict[_Guard, list[Rule[LogEntry]]] = {}
    for rule in rules:
        groups.setdefault(rule.guard, []).append(rule)
    return tuple((guard, tuple(group)) for guard, group in groups.items())


def _failure(rule_id: str, entry: LogEntry, error: Exception) -> RuleFailure:
    return RuleFailure(rule_id, entry.ref.key, f"{type(error).__name__}: {error}")
