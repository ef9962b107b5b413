"""Window rules over log files: nothing is stored unless somebody did enough of what such rules count.

Reading is in two passes. The first counts what each rule says must be there before its query can find anything (see
`Counted`): so many refusals of a caller, so many uses of a key. Only where that is reached does the second pass keep
the activity of those callers, addresses and keys, in a store in memory, over which the rules run as they do over the
store of a deployment. Rules that compare with weeks of habit, or with everything that happened, need `--store`.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from bindwatch.diagnosis.link import BROKEN
from bindwatch.engine import NOTHING, Verdict
from bindwatch.errors import InputError
from bindwatch.model.finding import Finding, State
from bindwatch.model.log_block import LogBlock
from bindwatch.model.log_entry import LogEntry, decode, parse_time, service_of
from bindwatch.model.log_wire import Facts
from bindwatch.pipeline import Delivery, deliver, record, sweep_windows
from bindwatch.rule import Context, Counted, Method, Rule, WindowRow

_BATCH: Final = 2_000
# Rules whose findings windows join with activity: with what their principals did, and with how they came to be.
_ENDED: Final = frozenset({BROKEN})
_GIVEN: Final = frozenset({"privileged-role", "impersonation-role-on-project", "impersonation-role-on-service-account"})
_EMPOWERED: Final = "new-account-empowered"
_MOST_REMEMBERED: Final = 65_536
_PERMISSION_DENIED: Final = 7
_Group = tuple[str, str, int]
"""The rule that counts, by what it counts, and the caller, address or key."""


class FileWindows:
    """Runs window rules over the entries of files; `see` every block and `note` what the rules said of it first, then
    `keep` every block, if `wanted`."""

    def __init__(self, rules: Sequence[Rule[WindowRow]], context: Context) -> None:
        ids = {rule.id for rule in rules}
        self._joined = (_ENDED & ids) | (_GIVEN if _EMPOWERED in ids else frozenset())
        self._rules = tuple(rule for rule in rules if rule.counted or rule.id in (*_ENDED, _EMPOWERED))
        self.unasked = tuple(rule.id for rule in rules if rule not in self._rules)
        """The rules that only a store can answer: files show them nothing."""
        self._context = context
        self._named: dict[tuple[str, str, bool], tuple[tuple[str, Counted], ...]] = {}
        self._known: dict[tuple[str, int], array[int]] = {}  # by where a block stands
        self._groups: dict[int, tuple[_Group, ...]] = {}
        self._passed: set[int] = set()
        self._counts: Counter[_Group] = Counter()
        self._targets: dict[_Group, set[str]] = {}
        self._reached: frozenset[tuple[str, int]] = frozenset()
        self._speaking: set[str] = set()
        self._noted: list[Finding] = []
        self._actors: frozenset[str] = frozenset()
        self._made_accounts = False
        self._deliveries: list[Delivery] = []
        self._first: datetime | None = None
        self._last: datetime | None = None

    def see(self, block: LogBlock) -> None:
        """Count the entries that a window rule could build on."""
        remembered, counts = self._groups.get, self._counts
        self._known[block.file, block.first_line] = array("q", block.known)
        for place, fingerprint in enumerate(block.known):
            groups = remembered(fingerprint)
            if groups is None:
                groups = self._groups_at(block, place)
            for group in groups:
                counts[group] += 1

    def _groups_at(self, block: LogBlock, place: int) -> tuple[_Group, ...]:
        """Where one entry counts; remembered by the hash of its facts, where those say what was done."""
        facts = block.facts[place]
        if not facts.proto_payload.method_name:
            try:
                return tuple(self._groups_of(block.entry(place).facts))
            except InputError:  # told by who judges it
                return ()
        if len(self._groups) > _MOST_REMEMBERED:  # hostile entries must not fill the memory
            self._groups.clear()
        groups = self._groups[block.known[place]] = tuple(self._groups_of(facts))
        return groups

    def note(self, verdict: Verdict) -> None:
        """Remember the findings that later entries of their principals may end or add to."""
        joined = self._joined
        self._noted += [item for item in verdict.findings if item.rule_id in joined and item.state is State.OPEN]

    @property
    def wanted(self) -> bool:
        """Whether somebody did enough for a window rule to speak, so that a second pass is worth it."""
        least = {rule.id: rule.counted.least for rule in self._rules if rule.counted}
        counts = [*self._counts.items(), *((group, len(targets)) for group, targets in self._targets.items())]
        reached = [group for group, count in counts if count >= least[group[0]]]
        self._reached = frozenset((per, who) for _, per, who in reached)
        self._speaking = {rule_id for rule_id, _, _ in reached}
        if not self._made_accounts:
            self._noted = [finding for finding in self._noted if finding.rule_id in _ENDED]
        self._actors = frozenset(finding.principal for finding in self._noted)
        return bool(self._reached or self._actors)

    def keep(self, block: LogBlock) -> None:
        """Keep the entries of those callers, and those that a finding waits for."""
        known = self._known.get((block.file, block.first_line), ())
        passed = self._passed
        places: Iterable[int] = range(len(block))
        if len(known) == len(block):  # else the file changed since
            places = [place for place, fingerprint in enumerate(known) if fingerprint not in passed]
        for place in places:
            try:
                entry = decode(block.line(place))
            except InputError:
                continue
            if self._is_awaited(entry):
                self._keep(entry)
                continue
            if len(passed) > _MOST_REMEMBERED:
                passed.clear()
            passed.add(hash(entry.facts))

    def _keep(self, entry: LogEntry) -> None:
        try:
            time = entry.time
        except InputError:
            return
        if time is None:
            return
        self._first = min(self._first or time, time)
        self._last = max(self._last or time, time)
        self._deliveries.append(Delivery(entry, NOTHING, time, self._context.outside.place(entry.caller_ip)))

    def verdict(self) -> Verdict:
        """What the window rules say of what was kept."""
        if self._first is None or self._last is None:
            return NOTHING
        from bindwatch.adapters.duckdb import DuckDBStore  # a quarter of a second, only where it is needed

        with DuckDBStore(lazy=True) as store:
            moments = [moment for item in self._noted if (moment := parse_time(item.observed_at)) is not None]
            last = max(self._last, *moments) if moments else self._last
            record(self._noted, store, now=last)
            for start in range(0, len(self._deliveries), _BATCH):
                deliver(self._deliveries[start : start + _BATCH], store)
            until = last + timedelta(seconds=1)
            rules = [rule for rule in self._rules if rule.counted is None or rule.id in self._speaking]
            return sweep_windows(store, rules, self._context, until, since=self._first)

    def _is_awaited(self, entry: LogEntry) -> bool:
        """Whether the facts of an entry say that a window rule could build on it, or that a finding waits for it."""
        if any((per, who(entry.facts)) in self._reached for per, who in _WHO.items()):
            return True
        actors = self._actors
        return bool(actors) and (
            entry.caller_key in actors
            or any(hop.identity in actors for hop in entry.impersonators)
            or (_makes_account(entry.facts) and f"serviceAccount:{entry.target}" in actors)
        )

    def _groups_of(self, facts: Facts) -> Iterator[_Group]:
        """Where an entry counts, each time it comes; a target counts once, and at once."""
        deed = facts.proto_payload
        self._made_accounts = self._made_accounts or _makes_account(facts)
        for rule_id, counted in self._counting(deed.service_name, deed.method_name, deed.status.code):
            who = _WHO[counted.per](facts)
            if not who:
                continue
            group = (rule_id, counted.per, who)
            if not counted.by_target:
                yield group
            elif len(targets := self._targets.setdefault(group, set())) < counted.least:
                targets.add(facts.resource.labels.email_id or repr(hash(facts)))

    def _counting(self, service: str, method: str, code: int) -> tuple[tuple[str, Counted], ...]:
        key = (service, method, code == _PERMISSION_DENIED)
        found = self._named.get(key)
        if found is None:
            if len(self._named) > _MOST_REMEMBERED:  # hostile method names must not fill the memory
                self._named.clear()
            found = self._named[key] = tuple(
                (rule.id, counted)
                for rule in self._rules
                if (counted := rule.counted) is not None
                and (key[2] or not counted.refused)
                and _counts(counted.methods or rule.methods, service or service_of(method), method)
            )
        return found


def _counts(methods: Sequence[Method], service: str, method: str) -> bool:
    return not methods or any(known.matches(service, method) for known in methods)


def _makes_account(facts: Facts) -> bool:
    return facts.proto_payload.method_name.endswith(".CreateServiceAccount")


def _caller(facts: Facts) -> int:
    return hash(LogEntry(facts).caller_key)


def _address(facts: Facts) -> int:
    address = facts.proto_payload.request_metadata.caller_ip
    return hash(address) if address else 0


def _key(facts: Facts) -> int:
    name = facts.proto_payload.authentication_info.service_account_key_name
    return hash(name) if name else 0


_WHO: Final = {"caller": _caller, "address": _address, "key": _key}
"""Who counts together, as a number; 0 for nobody."""
