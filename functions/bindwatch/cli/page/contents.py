"""What the report says, before it is drawn: gathered from a store, every text made fit to be seen."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from bindwatch.adapters.sql_store import SqlStore, plain
from bindwatch.cli.drawing import short_name
from bindwatch.cli.earlier import EarlierScan
from bindwatch.cli.outcome import Outcome
from bindwatch.cli.page.drawn import Drawn
from bindwatch.cli.terminal import printable
from bindwatch.cli.together import fix_of, together
from bindwatch.model.finding import Category, Severity
from bindwatch.model.principal import parse_email, parse_subject
from bindwatch.model.resource import display

Card = dict[str, Any]
"""One finding as the page shows it: a field for each thing that is to be read, texts or lists of texts."""

SEVERITIES: Final = tuple(severity.name for severity in sorted(Severity, reverse=True))
CATEGORIES: Final[dict[str, str]] = {
    Category.THREAT: "Threat",
    Category.OVER_PRIVILEGE: "Over-privilege",
    Category.BROKEN_BINDING: "Broken binding",
    Category.HYGIENE: "Hygiene",
    Category.BLIND_SPOT: "Blind spot",
}
NEW, BACK, WORSE = "new", "back", "worse"
_CONSOLE: Final = "https://console.cloud.google.com/"
_MOST_PROBLEMS: Final = 200


@dataclass(frozen=True, slots=True)
class Ended:
    """A finding that is open no longer, and how that came."""

    title: str
    severity: str
    rule: str
    project: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed since last time. Without a `since` there was nothing to compare with; `hint` says what would be."""

    since: str = ""
    hint: str = ""
    news: dict[str, str] = field(default_factory=dict)
    """The id of a finding → new, back or worse."""
    ended: tuple[Ended, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not seen: what, where, why, and the rules that therefore could not look."""

    what: str
    where: str
    why: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """One finished audit (or scan): of what, as of when, and how many things it read."""

    scope: str
    as_of: str
    subjects: int


@dataclass(frozen=True, slots=True)
class Muted:
    """A finding that counts for nothing until then, and who answers for that."""

    finding_id: str
    title: str
    severity: str
    owner: str
    until: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was looked at and what was not: as much part of the report as the findings."""

    looks: tuple[Look, ...] = ()
    gaps: tuple[Gap, ...] = ()
    failures: tuple[tuple[str, str, str], ...] = ()
    """Rules that failed: the rule, on what, the error."""
    problems: tuple[str, ...] = ()
    """What of the input could not be read."""
    more_problems: int = 0
    notes: tuple[str, ...] = ()
    """What else to know: which roles judged, what was left out."""

    @property
    def blind(self) -> int:
        """How many things could not be looked at."""
        return len(self.gaps) + len(self.failures) + len(self.problems) + self.more_problems


@dataclass(frozen=True, slots=True)
class Minter:
    """Who got credentials of service accounts, how often, and how often it was refused."""

    caller: str
    how: str
    minted: int
    refused: int
    accounts: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """What was open at the end of a day, by severity."""

    day: datetime
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the page says."""

    heading: str
    as_of: datetime
    cards: tuple[Card, ...]
    changes: Changes
    coverage: Coverage
    muted: tuple[Muted, ...] = ()
    history: tuple[DayCount, ...] = ()
    """Empty where only one moment is known."""
    minters: tuple[Minter, ...] = ()
    drawn: tuple[Drawn, ...] = ()
    not_drawn: str = ""
    """Why nothing is drawn, where nothing is."""

    def counts(self, name: str) -> dict[str, int]:
        """How many findings there are by the value of a field, the most frequent first."""
        return dict(Counter(card[name] for card in self.cards if card[name]).most_common())


TeamOf = Callable[[str], str]


def no_team(project: str) -> str:
    """The team of every project, where nobody said."""
    return ""


def cards_of(
    store: SqlStore, as_of: datetime, team_of: TeamOf = no_team, *, dated: bool = True
) -> tuple[list[Card], tuple[Muted, ...]]:
    """The open findings of a store, worst first, and apart from them those that are muted.

    Where the store is not `dated`, it does not know since when a policy is as it is.
    """
    mutes = {row["finding_id"]: row for row in store.ask("views/muted_findings", {}) if row["expires_at"] > as_of}
    cards, muted = [], []
    for found in store.find(now=as_of, state="OPEN"):
        row = plain(found)
        mute = mutes.get(found["finding_id"])
        if mute is None:
            cards.append(card_of(row, as_of, team_of, dated=dated))
        else:
            words = (row["finding_id"], row["title"], row["severity"], mute["owner"])
            until, reason = f"{mute['expires_at']:%Y-%m-%d}", printable(mute["reason"])
            finding_id, title, severity, owner = map(printable, words)
            muted.append(Muted(finding_id, title, severity, owner, until, reason))
    cards.sort(key=lambda card: (SEVERITIES.index(card["severity"]), -int(card["score"] or 0)))
    return cards, tuple(muted)


def card_of(row: Mapping[str, Any], as_of: datetime, team_of: TeamOf = no_team, *, dated: bool = True) -> Card:
    """A finding of the store as the page shows it."""
    fix = row["remediation"] or {}
    where = row["resource_name"]
    # A scan of files sees a policy as it is: since when it is so, only a log entry or a store can say.
    is_dated = dated or any(source.get("log_name") for source in row["evidence"])
    seen = moment(row["last_seen"])
    if row["count"] > 1 and row["first_seen"] != row["last_seen"]:
        seen = f"{moment(row['first_seen'])} to {seen}, {row['count']} times"
    card: Card = {
        "id": row["finding_id"],
        "rule": row["rule_id"],
        "severity": row["severity"],
        "category": row["category"],
        "kind": CATEGORIES.get(row["category"], row["category"]),
        "title": row["title"],
        "explanation": row["explanation"],
        "resource": display(where),
        "full_name": where if display(where) != where else "",
        "project": row["project"] or "",
        "team": team_of(row["project"] or ""),
        "principal": row["principal"] or "",
        "cause": row["cause"] or "",
        "score": "" if row["score"] is None else str(row["score"]),
        "confidence": "" if row["confidence"] == "high" else row["confidence"],
        "chain": [note for note in row["notes"] if " → " in note],
        "notes": [note for note in row["notes"] if " → " not in note],
        "ruled_out": list(row["ruled_out"]),
        "fix": fix.get("summary") or "",
        "commands": list(fix.get("commands") or ()),
        "terraform": fix.get("terraform") or "",
        "risk": fix.get("risk_of_fix") or "",
        "undo": list(fix.get("undo") or ()),
        "evidence": [_evidence(source) for source in row["evidence"]],
        "techniques": " ".join(row["techniques"]),
        "seen": seen,
        "opened": row["opened_at"][:19],
        "age": age(_parsed(row["opened_at"]), as_of) if is_dated else "",
        "days": max(0, (as_of - _parsed(row["opened_at"])).days),
        "change": "",
        "group": "",
        "also": [],
        "more": "",
    }
    return {name: fit(value) for name, value in card.items()}


def _evidence(source: Mapping[str, Any]) -> dict[str, str]:
    url = source.get("url") or ""
    if source.get("log_name"):
        words = f"{source['log_name']} {source['insert_id']} at {source['timestamp']}"
    else:
        words = source.get("asset") or ""
        words += f" (etag {source['etag']})" if source.get("etag") else ""
    return {"words": words, "url": url if url.startswith(_CONSOLE) else ""}


def fit(value: Any) -> Any:
    """The same value with every text in it made fit to be seen: text from logs is hostile."""
    match value:
        case str():
            return printable(value)
        case dict():
            return {name: fit(item) for name, item in value.items()}
        case list():
            return [fit(item) for item in value]
        case _:
            return value


def moment(text: str) -> str:
    """A time of the store as a person reads it."""
    return f"{text[:10]} {text[11:16]}"


def _parsed(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def age(since: datetime, now: datetime) -> str:
    """How long ago something was, as a person says it."""
    seconds = max(0.0, (now - since).total_seconds())
    if seconds < 3600:
        return "just now"
    if seconds < 86400:
        return f"{seconds / 3600:.0f} h"
    days = seconds / 86400
    return f"{days:.0f} d" if days < 90 else f"{days / 30.4:.0f} months"


# What changed


def changes_since(store: SqlStore, since: datetime, as_of: datetime) -> Changes:
    """What a store says happened since then."""
    news: dict[str, str] = {}
    ended: dict[str, Ended] = {}
    answer = store.ask("queries/changed_findings", {"since": since, "until": as_of})
    for row in answer:  # newest first: the last word on each finding comes first
        finding_id = row["finding_id"]
        if finding_id in news or finding_id in ended:
            continue
        if row["what"] in ("opened", "reopened"):
            news[finding_id] = NEW if row["what"] == "opened" else BACK
        else:
            by = f" by {row['who']}" if row["who"] else ""
            why = f": {row['why']}" if row["why"] else ""
            words = (row["title"], row["severity"], row["rule_id"], row["project"] or "", f"{row['what']}{by}{why}")
            ended[finding_id] = Ended(*map(printable, words))
    worst = sorted(ended.values(), key=lambda one: SEVERITIES.index(one.severity))
    return Changes(since=f"{since:%Y-%m-%d %H:%M}", news=news, ended=tuple(worst))


def changes_from(earlier: EarlierScan, cards: Iterable[Card], muted: Iterable[str], blind: Iterable[str]) -> Changes:
    """What differs from the findings of an earlier scan; `blind` are the rules that could not look this time."""
    news = {}
    here = set(muted)
    for card in cards:
        here.add(card["id"])
        before = earlier.severities.get(card["id"])
        if before is None:
            news[card["id"]] = NEW
        elif SEVERITIES.index(card["severity"]) < SEVERITIES.index(before):
            news[card["id"]] = WORSE
    could_not_look = set(blind)
    ended = [
        Ended(
            printable(record["title"]),
            record["severity"],
            printable(record["rule_id"]),
            printable(record["project"]),
            "could not look this time" if record["rule_id"] in could_not_look else "not found any more",
        )
        for finding_id, record in earlier.findings.items()
        if finding_id not in here
    ]
    ended.sort(key=lambda one: SEVERITIES.index(one.severity))
    return Changes(since=earlier.name, news=news, ended=tuple(ended))


# What could be seen


def coverage_of(store: SqlStore, outcome: Outcome | None = None) -> Coverage:
    """What the last audit of each scope saw and did not, and what a scan could not read."""
    looks: dict[str, Look] = {}
    gaps: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    failures = []
    for row in store.coverage():
        scope = printable(row["scope"])
        if row["gap"] == "never finished":
            gaps[f"the audit of {_when(row['as_of'])}", scope, row["reason"]] = set()
            continue
        looks[scope] = Look(_scope(scope), _when(row["as_of"]), row["subjects"] or 0)
        if row["gap"] == "rule-failure":
            failures.append((row["rule_id"], printable(row["place"]), printable(row["reason"])))
        elif row["gap"]:
            where = display(row["place"]) if row["place"] else _scope(scope)
            why = row["reason"] or ("not in the input" if row["sight"] == "not-in-input" else "could not be read")
            found = gaps[row["part"].replace("-", " "), printable(where), printable(why)]
            found.update([row["rule_id"]] if row["rule_id"] else [])
    problems: list[str] = []
    notes = []
    if outcome is not None:
        problems = [printable(str(problem)) for problem in outcome.reading.problems]
        failures += [
            (item.rule_id, printable(item.source_key), printable(item.error))
            for item in outcome.failures
            if (item.rule_id, printable(item.source_key), printable(item.error)) not in failures
        ]
        notes = list(_notes(outcome))
    ranked = sorted(gaps.items(), key=lambda item: (-len(item[1]), item[0]))
    return Coverage(
        looks=tuple(looks[scope] for scope in sorted(looks)),
        gaps=tuple(Gap(*about, tuple(sorted(rules))) for about, rules in ranked),
        failures=tuple(failures),
        problems=tuple(problems[:_MOST_PROBLEMS]),
        more_problems=max(0, len(problems) - _MOST_PROBLEMS),
        notes=tuple(notes),
    )


def _scope(scope: str) -> str:
    return "the files given" if scope == "files" else display(scope) if scope else "everything"


def _notes(outcome: Outcome) -> Iterable[str]:
    reading = outcome.reading
    yield (
        f"read {reading.files:,} files: {reading.entries:,} audit log entries, "
        f"{reading.inventory_items:,} inventory items"
    )
    if outcome.roles and reading.inventory_items:
        yield printable(outcome.roles)
    if reading.not_judged:
        kinds = ", ".join(f"{count:,} {printable(what)}" for what, count in reading.not_judged.most_common(6))
        yield f"not judged, since they say nothing of identity: {kinds}"
    for item in reading.skipped[:20]:
        yield f"skipped {printable(item.file)}: {printable(item.reason)}"
    for mute in outcome.expired:
        yield f"an exception ran out, and what it muted counts again: {printable(str(mute))}"


def _when(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value is not None else "an unknown moment"


# What is drawn


def history_of(store: SqlStore) -> tuple[DayCount, ...]:
    """What was open at the end of each day on which something changed."""
    standing: Counter[str] = Counter()
    days: dict[datetime, Counter[str]] = {}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for row in store.ask("queries/changes_by_day", {"since": epoch}):
        standing[Severity(row["severity_level"]).name] += row["opened"] - row["ended"]
        day = row["day"]
        days[datetime(day.year, day.month, day.day, tzinfo=UTC)] = Counter(standing)
    return tuple(DayCount(day, counts) for day, counts in days.items())


def minters_of(store: SqlStore, since: datetime, at_most: int = 12) -> tuple[Minter, ...]:
    """Who got the most credentials of service accounts since then."""
    answer = store.ask("queries/minting", {"since": since, "at_most": at_most})
    return tuple(
        Minter(
            _caller(row["caller_name"] or ""),
            row["how"],
            int(row["minted"]),
            int(row["denials"]),
            int(row["service_accounts"]),
        )
        for row in answer
    )


def _caller(name: str) -> str:
    """A caller, as logs name one, by its name alone."""
    principal = parse_subject(name) if "//" in name or name.startswith("serviceAccount:") else parse_email(name)
    return short_name(principal.identity)[1] if principal else "unknown"


def told(cards: Sequence[Card], changes: Changes) -> tuple[Card, ...]:
    """The findings with what is new about each, and what one fix settles side by side, where the worst of it stood."""
    groups = together((card, fix_of(card["full_name"] or card["resource"], card["commands"])) for card in cards)
    for group in groups:
        for card in group:
            card["change"] = changes.news.get(card["id"], "")
            card["group"] = group[0]["id"] if len(group) > 1 else ""
            card["also"] = [
                f"{other['severity']} {other['rule']}: {other['title']}" for other in group if other is not card
            ]
        if len(group) > 1:
            group[0]["more"] = f"settles {len(group) - 1} more"
    return tuple(card for group in groups for card in group)
