"""Window rules over log files: nothing is stored unless a caller did enough of what such rules count.

Reading is in two passes. The first counts, for each caller, the entries a window rule could build on: refused calls,
calls of the methods that the rules name, calls with a key. Only where a caller reaches the least that any rule asks
for, or a finding waits for what its principal did later, does the second pass keep the activity of such callers, in a
store in memory, over which the rules run as they do over the store of a deployment. Rules that compare with weeks of
habit need a store (`--store`), and see nothing here.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bindwatch.diagnosis.link import BROKEN
from bindwatch.engine import NOTHING, Verdict
from bindwatch.errors import InputError
from bindwatch.model.finding import Finding, State
from bindwatch.model.log_entry import LogEntry, decode, parse_time
from bindwatch.model.log_wire import Facts, read_facts
from bindwatch.pipeline import Delivery, deliver, record, sweep_windows
from bindwatch.rule import Context, Rule, WindowRow

LEAST: Final = 2
"""No window rule speaks of fewer entries of one caller than this."""

_BATCH: Final = 2_000
# Rules whose findings windows join with activity: with what their principals did, and with how they came to be.
_ENDED: Final = frozenset({BROKEN})
_GIVEN: Final = frozenset({"privileged-role", "impersonation-role-on-project", "impersonation-role-on-service-account"})
_MOST_REMEMBERED: Final = 65_536


class FileWindows:
    """Runs window rules over the entries of files; `see` every line and `note` what the rules said of it first, then
    `keep` every line, if `wanted`."""

    def __init__(self, rules: Sequence[Rule[WindowRow]], context: Context) -> None:
        self._rules = tuple(rules)
        ids = {rule.id for rule in self._rules}
        self._joined = (_ENDED & ids) | (_GIVEN if "new-account-empowered" in ids else frozenset())
        self._context = context
        self._named: dict[tuple[str, str], bool] = {}
        self._seen: dict[int, int | None] = {}
        self._passed: set[int] = set()
        self._counts: Counter[int] = Counter()
        self._callers: frozenset[int] = frozenset()
        self._noted: list[Finding] = []
        self._actors: frozenset[str] = frozenset()
        self._made_accounts = False
        self._deliveries: list[Delivery] = []
        self._first: datetime | None = None
        self._last: datetime | None = None

    def see(self, facts: Facts, known: int) -> None:
        """Count an entry if a window rule could build on it; `known` is the hash of its facts."""
        try:
            caller = self._seen[known]
        except KeyError:
            if len(self._seen) > _MOST_REMEMBERED:  # hostile entries must not fill the memory
                self._seen.clear()
            caller = self._seen[known] = _caller(facts) if self._counts_for_a_rule(facts) else None
            self._made_accounts = self._made_accounts or _makes_account(facts)
        if caller is not None:
            self._counts[caller] += 1

    def note(self, verdict: Verdict) -> None:
        """Remember the findings that later entries of their principals may end or add to."""
        joined = self._joined
        self._noted += [item for item in verdict.findings if item.rule_id in joined and item.state is State.OPEN]

    @property
    def wanted(self) -> bool:
        """Whether any caller did enough for a window rule to speak, so that a second pass is worth it."""
        self._callers = frozenset(caller for caller, count in self._counts.items() if count >= LEAST)
        if not self._made_accounts:
            self._noted = [finding for finding in self._noted if finding.rule_id in _ENDED]
        self._actors = frozenset(finding.principal for finding in self._noted)
        return bool(self._callers or self._actors)

    def keep(self, line: bytes) -> None:
        """Keep an entry of one of those callers, or of whom a finding waits for."""
        facts = read_facts(line)
        if facts is None:
            self._keep_any(line)
            return
        known = hash(facts)
        if known in self._passed:
            return
        entry = LogEntry(facts, line)
        if self._is_awaited(entry):
            self._keep(entry)
            return
        if len(self._passed) > _MOST_REMEMBERED:
            self._passed.clear()
        self._passed.add(known)

    def _keep_any(self, line: bytes) -> None:
        try:
            entry = decode(line)
        except InputError:
            return
        if self._is_awaited(entry):
            self._keep(entry)

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

        with DuckDBStore() as store:
            moments = [moment for item in self._noted if (moment := parse_time(item.observed_at)) is not None]
            last = max(self._last, *moments) if moments else self._last
            record(self._noted, store, now=last)
            for start in range(0, len(self._deliveries), _BATCH):
                deliver(self._deliveries[start : start + _BATCH], store)
            until = last + timedelta(seconds=1)
            return sweep_windows(store, self._rules, self._context, until, since=self._first)

    def _is_awaited(self, entry: LogEntry) -> bool:
        """Whether the facts of an entry say that a window rule could build on it, or that a finding waits for it."""
        if _caller(entry.facts) in self._callers:
            return True
        actors = self._actors
        return bool(actors) and (
            entry.caller_key in actors
            or any(hop.identity in actors for hop in entry.impersonators)
            or (_makes_account(entry.facts) and f"serviceAccount:{entry.target}" in actors)
        )

    def _counts_for_a_rule(self, facts: Facts) -> bool:
        deed = facts.proto_payload
        if not deed.method_name:
            return False
        if deed.status.code or deed.authentication_info.service_account_key_name:
            return True
        key = (deed.service_name, deed.method_name)
        named = self._named.get(key)
        if named is None:
            if len(self._named) > _MOST_REMEMBERED:  # hostile method names must not fill the memory
                self._named.clear()
            named = self._named[key] = any(
                method.matches(*key)
                for rule in self._rules
                if not rule.reads_any_method
                for method in rule.methods
                if method.service != "iamcredentials.googleapis.com"  # counted by their refusals
            )
        return named


def _makes_account(facts: Facts) -> bool:
    return facts.proto_payload.method_name.endswith(".CreateServiceAccount")


def _caller(facts: Facts) -> int:
    """The caller as window rules tell callers apart: by identity, by address and agent where it was redacted."""
    deed = facts.proto_payload
    who = deed.authentication_info
    if who.principal_email or who.principal_subject:
        return hash((who.principal_email, who.principal_subject))
    return hash(deed.request_metadata)
