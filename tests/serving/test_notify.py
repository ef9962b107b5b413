"""Telling people: each alert once to each destination, whatever is down, refused or delivered again."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

from bindwatch.adapters.bridges.wording import Labels
from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.push import Message, Poison
from bindwatch.customization.destinations import Destination, Directory, GroupBy, Kind, Route
from bindwatch.errors import BackendError, ConfigError, InputError
from bindwatch.model.finding import Severity
from bindwatch.pipeline import Rows
from bindwatch.pipeline.announced import Announced
from bindwatch.serving.log_lines import Log
from bindwatch.serving.notify import Notifier, Told
from bindwatch.serving.wiring import make_notifier
from bindwatch.settings import Settings
from sample_alerts import published


@dataclass
class Place:
    """A destination that keeps what it was told. `moods` are what it does next, first to last."""

    messages: list[list[Announced]] = field(default_factory=list)
    moods: list[Exception] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    dislikes: str = ""

    def tell(self, alerts: Sequence[Announced], labels: Labels, known: str) -> str:
        if self.moods:
            raise self.moods.pop(0)
        if self.dislikes and any(self.dislikes in alert.title for alert in alerts):
            raise InputError("destination", "answered 400: no")
        self.messages.append(list(alerts))
        self.known.append(known)
        return f"key-{alerts[0].finding_id}"

    @property
    def told(self) -> list[str]:
        return [alert.alert_id for message in self.messages for alert in message]


@dataclass
class Letters:
    """Dead letters."""

    kept: list[tuple[bytes, str, Mapping[str, str]]] = field(default_factory=list)

    def publish(self, body: bytes, *, reason: str, field: str, attributes: Mapping[str, str]) -> None:
        self.kept.append((body, reason, attributes))


class ForgetfulStore(DuckDBStore):
    """A store that now and then takes no rows."""

    refusing = 0

    def append(self, rows: Rows) -> None:
        if self.refusing:
            self.refusing -= 1
            raise BackendError("the store took nothing")
        super().append(rows)


class House:
    """Two chats, a pager and a ticket system, and what tells them; `restarted` is another instance."""

    def __init__(self, *routes: Route, group_seconds: float = 0.0) -> None:
        self.places = {name: Place() for name in ("chat", "crowd", "pager", "tickets")}
        kinds = {"pager": Kind.PAGERDUTY, "tickets": Kind.JIRA}
        destinations = {
            name: Destination(name=name, kind=kinds.get(name, Kind.SLACK), secret="S") for name in self.places
        }
        destinations["crowd"] = Destination(name="crowd", kind=Kind.SLACK, secret="S", group_by=GroupBy.ALL)
        self.directory = Directory(destinations=destinations, routes=routes or (Route(to=tuple(self.places)),))
        self.store = ForgetfulStore()
        self.letters = Letters()
        self.lines = StringIO()
        self.log = Log(stream=self.lines)
        self.group_seconds = group_seconds
        self.restarted()

    def restarted(self) -> None:
        self.notifier = Notifier(
            self.directory, self.places, self.store, self.letters, group_seconds=self.group_seconds
        )

    def take(self, *bodies: bytes, **attributes: str) -> Told:
        return self.notifier.take([Message(body, attributes) for body in bodies], self.log)


def test_every_destination_is_told_once_however_often_it_is_delivered() -> None:
    house = House()
    for _ in range(3):
        house.take(published())
        house.restarted()
    assert all(place.told == ["a-f1-opened"] for place in house.places.values())


def test_one_that_is_down_keeps_no_other_from_being_told_and_is_told_later() -> None:
    house = House()
    house.places["pager"].moods = [BackendError("destination pager: answered 503: later")] * 2
    for _ in range(2):
        with pytest.raises(BackendError, match="answered 503"):
            house.take(published())
        house.restarted()
    assert house.take(published()).told == 1
    assert all(place.told == ["a-f1-opened"] for place in house.places.values())
    assert house.letters.kept == []


def test_what_is_refused_for_good_is_put_aside_once_with_its_reason() -> None:
    house = House()
    house.places["chat"].dislikes = "roles/owner"
    house.places["pager"].moods = [BackendError("later")]
    with pytest.raises(BackendError):
        house.take(published())
    house.restarted()
    assert house.take(published()).told == 1
    ((body, reason, attributes),) = house.letters.kept
    assert (body, reason, attributes["destination"]) == (published(), "answered 400: no", "chat")
    assert "a destination refused an alert" in house.lines.getvalue()
    # Mended and posted again as it is, it goes there alone.
    house.places["chat"].dislikes = ""
    house.take(body, **attributes)
    assert house.places["chat"].told == ["a-f1-opened"]
    assert all(len(place.told) == 1 for place in house.places.values())


def test_one_alert_that_is_refused_takes_no_other_with_it() -> None:
    house = House(Route(to=("chat",)))
    house.places["chat"].dislikes = "bad"
    told = house.take(*(published(finding_id=f"f{n}", title="bad" if n == 2 else "good") for n in range(4)))
    assert (told.told, told.refused) == (3, 1)
    assert sorted(house.places["chat"].told) == ["a-f0-opened", "a-f1-opened", "a-f3-opened"]
    assert len(house.letters.kept) == 1


def test_a_bug_of_a_bridge_keeps_no_other_from_being_told() -> None:
    house = House()
    house.places["chat"].moods = [ZeroDivisionError("x")]
    assert house.take(published()).refused == 1
    assert house.places["pager"].told == ["a-f1-opened"]
    assert "unexpected ZeroDivisionError" in house.lines.getvalue()


def test_what_could_not_be_written_down_is_not_told_again() -> None:
    house = House(Route(to=("chat",)))
    house.store.refusing = 1
    with pytest.raises(BackendError):
        house.take(published())
    assert house.take(published()).told == 0
    house.restarted()
    house.take(published())
    assert house.places["chat"].told == ["a-f1-opened"]


def test_alerts_of_one_rule_that_come_together_are_one_message() -> None:
    house = House()
    bodies = [published(finding_id=f"f{n}", rule_id=f"rule-{n % 2}") for n in range(6)]
    house.take(*bodies)
    assert sorted(len(message) for message in house.places["chat"].messages) == [3, 3]
    assert [len(message) for message in house.places["crowd"].messages] == [6]
    assert [len(message) for message in house.places["pager"].messages] == [1] * 6


def test_requests_that_come_together_are_told_of_together() -> None:
    house = House(Route(to=("crowd",)), group_seconds=1.0)
    threads = [threading.Thread(target=house.take, args=(published(finding_id=f"f{number}"),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(house.places["crowd"].told) == 20
    assert len(house.places["crowd"].messages) < 20


def test_each_of_those_told_of_together_hears_of_a_failure() -> None:
    house = House(group_seconds=0.3)
    house.places["pager"].moods = [BackendError("later")]
    outcomes: list[str] = []

    def take(number: int) -> None:
        try:
            house.take(published(finding_id=f"f{number}"))
        except BackendError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        house.take(published(finding_id=f"f{number}"))
    assert outcomes
    assert sorted(house.places["pager"].told) == [f"a-f{number}-opened" for number in range(4)]
    assert len(set(house.places["chat"].told)) == len(house.places["chat"].told) == 4


def test_an_end_is_told_to_whoever_was_told_of_the_beginning() -> None:
    house = House(Route(to=("pager",), severity=Severity.HIGH), Route(to=("chat",)))
    house.take(published(severity="CRITICAL"))
    house.take(published("resolved", severity="LOW"))
    assert house.places["pager"].told == ["a-f1-opened", "a-f1-resolved"]
    assert house.places["pager"].known == ["", "key-f1"]
    assert house.take(published("resolved", finding_id="f2", severity="LOW")).told == 1
    assert len(house.places["pager"].told) == 2


def test_what_is_told_of_one_finding_keeps_its_order() -> None:
    house = House(Route(to=("tickets",)))
    house.take(published(), published("escalated"), published("resolved"))
    assert house.places["tickets"].told == ["a-f1-opened", "a-f1-escalated", "a-f1-resolved"]
    assert house.places["tickets"].known == ["", "key-f1", "key-f1"]


def test_what_there_is_no_time_for_is_told_when_it_comes_again() -> None:
    house = House(Route(to=("tickets", "chat")))
    now = iter([0.0, *[1.0] * 6, *[100.0] * 100])
    house.notifier = Notifier(
        house.directory, house.places, house.store, house.letters, group_seconds=0, monotonic=lambda: next(now)
    )
    bodies = [published(finding_id=f"f{number}") for number in range(12)]
    with pytest.raises(BackendError, match="no time left"):
        house.take(*bodies)
    assert 0 < len(house.places["tickets"].told) < 12
    house.restarted()
    house.take(*bodies)
    assert sorted(house.places["tickets"].told) == sorted(f"a-f{number}-opened" for number in range(12))
    assert len(house.places["chat"].told) == 12


def test_what_is_no_alert_is_put_aside_and_its_neighbours_told() -> None:
    house = House(Route(to=("chat",)))
    messages: list[Message | Poison] = [
        Message(b"{}"),
        Message(b"\xff"),
        Poison(Message(b""), "message.data", "missing"),
        Message(published().replace(b'"schema_version":"1.0"', b'"schema_version":"2.0"')),
        Message(published()),
    ]
    told = house.notifier.take(messages, house.log)
    assert (told.dead_letters, told.told) == (4, 1)
    assert [reason for _, reason, _ in house.letters.kept][-1] == "expected 1.x, found '2.0'"


def test_an_alert_that_no_route_fits_is_counted() -> None:
    house = House(Route(to=("chat",), projects=("bank",)))
    assert house.take(published()).unrouted == 1


# From settings

FILE = """
[[destination]]
name = "chat"
kind = "slack"
secret = "CHAT"

[[destination]]
name = "hook"
kind = "webhook"
url = "https://example.com/hook"
secret = "HOOK"

[[route]]
to = ["chat", "hook"]
"""


def settings(folder: Path, text: str = FILE, **environ: str) -> Settings:
    (folder / "bindwatch.toml").write_text(text, "utf-8")
    return Settings.from_env({"BINDWATCH_SETTINGS_FILE": str(folder / "bindwatch.toml"), **environ})


def test_secrets_come_from_the_environment_and_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = settings(
        tmp_path,
        BINDWATCH_SECRET_CHAT="https://hooks.example.com/hidden\n",
        BINDWATCH_SECRET_HOOK="hidden-hidden-hidden-hidden",
    )
    assert found.secret("CHAT") == "https://hooks.example.com/hidden"
    assert "hidden" not in repr(found)
    make_notifier(found)


PROBLEMS: dict[str, tuple[dict[str, str], list[str]]] = {
    "none": (
        {},
        [
            "BINDWATCH_SECRET_CHAT: not set; the settings file names this secret",
            "BINDWATCH_SECRET_HOOK: not set; the settings file names this secret",
        ],
    ),
    "unfit": (
        {"BINDWATCH_SECRET_CHAT": "hidden", "BINDWATCH_SECRET_HOOK": "hidden"},
        [
            "destination chat: its secret is not an address with https://",
            "destination hook: its secret has less than 24 bytes",
        ],
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_secret_that_is_missing_or_unfit_is_said_by_its_name(name: str, tmp_path: Path) -> None:
    environ, said = PROBLEMS[name]
    with pytest.raises(ConfigError) as caught:
        make_notifier(settings(tmp_path, **environ))
    assert list(caught.value.problems) == said


def test_without_a_destination_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody is told of alerts"):
        make_notifier(settings(tmp_path, 'trusted_domains = ["example.com"]\n'))
    with pytest.raises(ConfigError, match="nobody is told of alerts"):
        make_notifier(Settings.from_env({}))
