"""Judging: which rules look at a subject, and what they found.

The cost of an entry does not grow with rules whose methods it does not have: dispatch is memoised by service, method
and outcome. Nor is a rule asked twice for what it said already: entries repeat by the thousand (a workload mints its
token every hour), and a rule that stays quiet without asking for more than the facts of an entry (`model.log_wire`)
will stay quiet for every entry with the same facts. What is remembered of facts is which rules are left to ask. Mostly
none is, and the entry costs its decoding and one look-up.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from bindwatch.errors import InputError
from bindwatch.inventory import Coverage, Inventory
from bindwatch.model.finding import Finding
from bindwatch.model.log_block import LogBlock
from bindwatch.model.log_entry import LogEntry, NotInFactsError, decode
from bindwatch.model.log_wire import Facts, read_facts
from bindwatch.rule import Context, Method, Outcome, Rule

_MOST_NAMES: Final = 32_768
_MOST_FACTS: Final = 131_072
"""By their hashes, a hundred bytes each: the workloads and people of a large organization, each with some methods."""
_TOGETHER: Final = 128


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


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the rules say of one subject."""

    findings: tuple[Finding, ...] = ()
    failures: tuple[RuleFailure, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.findings or self.failures or self.not_checked)


NOTHING: Final = Verdict()
Guard = Callable[[LogEntry, Context], bool] | None
Group = tuple[Guard, tuple[Rule[LogEntry], ...]]
Rules = tuple[Group, ...]
"""Log rules by the guard they share."""
NO_RULES: Final[Rules] = ()


class Told(NamedTuple):
    """What was said of one entry, or why it is none; its text, and the line of a file on which it begins."""

    file: str
    line: int
    text: bytes
    said: Verdict | InputError


_Waiting = tuple[str, int, LogEntry, int | None]


class Engine:
    """Judges entries and inventories with a fixed set of rules in a fixed context.

    Rules that need a file from outside that the context does not have are left out; `off` names them.

    Judging twice gives equal verdicts; the order of the rules does not matter beyond the order of the findings.
    Several threads may share one: what it remembers are dictionaries and sets, each change to which is a single step,
    and two that learn the same at once learn it equally.
    """

    def __init__(
        self,
        context: Context,
        log_rules: Sequence[Rule[LogEntry]] = (),
        inventory_rules: Sequence[Rule[Inventory]] = (),
    ) -> None:
        self.context = context
        self.log_rules = tuple(rule for rule in log_rules if not rule.lacks(context))
        self.off = switched_off(log_rules, context)
        self.inventory_rules = tuple(inventory_rules)
        self._services: dict[str, tuple[tuple[Rule[LogEntry], tuple[Method, ...]], ...]] = {}
        self._dispatch: dict[tuple[str, str, bool], Rules] = {}
        self._left: dict[int, Rules] = {}
        self._quiet: set[int] = set()
        self._met: set[int] = set()
        self._alike: dict[Rules, Rules] = {}

    def rules_for(self, service: str, method: str, *, has_failed: bool) -> Rules:
        """The rules that read entries of this method and outcome, by their guards."""
        key = (service, method, has_failed)
        rules = self._dispatch.get(key)
        if rules is None:
            unread = Outcome.SUCCEEDED if has_failed else Outcome.FAILED
            rules = _by_guard(
                rule
                for rule, methods in self._rules_of(service)
                if rule.outcome is not unread and any(known.is_called(method) for known in methods)
            )
            if len(self._dispatch) >= _MOST_NAMES:  # hostile method names must not fill the memory
                self._dispatch.clear()
            self._dispatch[key] = rules
        return rules

    def _rules_of(self, service: str) -> tuple[tuple[Rule[LogEntry], tuple[Method, ...]], ...]:
        """The rules that read entries of a service, each with its methods there."""
        rules = self._services.get(service)
        if rules is None:
            if len(self._services) >= _MOST_NAMES:  # nor must hostile names of services
                self._services.clear()
            rules = self._services[service] = tuple(
                (rule, methods)
                for rule in self.log_rules
                if (methods := tuple([known for known in rule.methods if known.is_of(service)]))
            )
        return rules

    def judge_line(self, line: bytes) -> Verdict:
        """Judge one entry from its JSON text. Raises InputError where it is no audit log entry."""
        return self.judge_data(line)[1]

    def judge_data(self, line: bytes) -> tuple[LogEntry, Verdict]:
        """Judge one entry from its JSON text as `judge_line` does, for who needs the entry as well."""
        facts = read_facts(line)
        if facts is None:
            entry = decode(line)
            return entry, self.judge_entry(entry)
        entry = LogEntry(facts, line)
        return entry, self._judge(entry, hash(facts))

    def judge_place(self, block: LogBlock, place: int) -> tuple[LogEntry, Verdict]:
        """Judge one entry of a block, for who needs the entry as well. Raises InputError where it is none."""
        entry, known = block.entry_and_hash(place)
        return entry, self._judge(entry, known)

    def judge_blocks(self, blocks: Iterable[LogBlock]) -> Iterator[Told]:
        """Judge the entries of blocks, in their order: what is not quiet, each with where it stands.

        A bad line gives its InputError, before its neighbours are told of, and costs them nothing. What is not quiet
        waits for more of its kind while further blocks are read: decoding and judging each run faster for a while, in
        what they left in the caches of the processor, than taking turns at every line.
        """
        waiting: list[_Waiting] = []
        quiet = self._quiet
        for block in blocks:
            left_out = block.left_out
            # Nine entries in ten end here.
            for place in [place for place, known in enumerate(block.known) if known not in quiet]:
                if place in left_out:
                    continue
                try:
                    waiting.append((block.file, block.first_line + place, *block.entry_and_hash(place)))
                except InputError as error:
                    yield Told(block.file, block.first_line + place, block.line(place), error)
            if len(waiting) >= _TOGETHER:
                yield from self._judge_waiting(waiting)
                waiting.clear()
        yield from self._judge_waiting(waiting)

    def _judge_waiting(self, waiting: Iterable[_Waiting]) -> Iterator[Told]:
        for file, line, entry, known in waiting:
            said: Verdict | InputError
            try:
                said = self._judge(entry, known)
            except InputError as error:
                said = error
            if said is not NOTHING:
                yield Told(file, line, entry.text, said)

    def judge_entry(self, entry: LogEntry) -> Verdict:
        """Judge one entry, remembering nothing.

        Raises InputError where a rule asks for a part of it that turns out to be no text.
        """
        return self._ask(entry, self.rules_for(entry.service, entry.method, has_failed=entry.failed))

    def _ask(self, entry: LogEntry, groups: Rules) -> Verdict:
        if groups is NO_RULES:
            return NOTHING
        context = self.context
        findings: list[Finding] = []
        failures: list[RuleFailure] = []
        for guard, rules in groups:
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

    def _judge(self, entry: LogEntry, known: int | None) -> Verdict:
        """Judge an entry whose facts have this hash, asking of the rules only those left; without a hash, all.

        A hash stands for the facts: comparing them would touch twenty cold objects, and keeping them would cost a
        kilobyte each. It is 61 bits, keyed anew in each process, so that nobody outside can aim for a collision.
        """
        if known is None:
            return self.judge_entry(entry)
        left = NO_RULES if known in self._quiet else self._left.get(known)
        if left is None:
            verdict = self.judge_entry(entry)
            if verdict is NOTHING and not entry.was_read_deeply:
                self._remember(known, NO_RULES)
            elif known in self._met:
                self._remember(known, self._learn(entry.facts))
            else:  # what comes once, as most changes do, is not worth learning of
                if len(self._met) >= _MOST_FACTS:
                    self._met.clear()
                self._met.add(known)
            return verdict
        return self._ask(entry, left)

    def _remember(self, known: int, left: Rules) -> None:
        if len(self._left) + len(self._quiet) >= _MOST_FACTS:  # a bound: what repeats comes back at once
            self._left.clear()
            self._quiet.clear()
            self._alike.clear()
        if left:
            self._left[known] = self._alike.setdefault(left, left)
        else:
            self._quiet.add(known)

    def _learn(self, facts: Facts) -> Rules:
        """The rules that may have something to say of an entry with these facts."""
        entry = LogEntry(facts)
        entry.is_sealed = True
        groups = self.rules_for(entry.service, entry.method, has_failed=entry.failed)
        return tuple(asked for guard, rules in groups if (asked := self._still_to_ask(entry, guard, rules)))

    def _still_to_ask(self, entry: LogEntry, guard: Guard, rules: tuple[Rule[LogEntry], ...]) -> Group | None:
        """Those of some rules that are not quiet for reasons which the facts of the sealed entry tell."""
        try:
            if guard is not None and not guard(entry, self.context):
                return None
        except (Exception, NotInFactsError):
            return guard, rules
        left = tuple(rule for rule in rules if not self._is_quiet(rule, entry))
        return (guard, left) if left else None

    def _is_quiet(self, rule: Rule[LogEntry], entry: LogEntry) -> bool:
        try:
            for _ in rule.check(entry, self.context):
                return False
        except (Exception, NotInFactsError):
            return False
        return True

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


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A rule that is off, and the fields of `[outside]` that would switch it on."""

    rule_id: str
    lacks: tuple[str, ...]


def switched_off(rules: Iterable[Rule[Any]], context: Context) -> tuple[SwitchedOff, ...]:
    """The rules that are off for want of a file from outside."""
    return tuple(SwitchedOff(rule.id, lacks) for rule in rules if (lacks := rule.lacks(context)))


def _by_guard(rules: Iterable[Rule[LogEntry]]) -> Rules:
    groups: dict[Guard, list[Rule[LogEntry]]] = {}
    for rule in rules:
        groups.setdefault(rule.guard, []).append(rule)
    return tuple((guard, tuple(group)) for guard, group in groups.items())


def _failure(rule_id: str, entry: LogEntry, error: Exception) -> RuleFailure:
    return RuleFailure(rule_id, entry.ref.key, f"{type(error).__name__}: {error}")
