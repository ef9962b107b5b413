"""The settings file: what it says, and that everything wrong with it is said at once, with file, line and field."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bindwatch.adapters.customization_files import load_customization
from bindwatch.customization.exemptions import SELECTORS, exempting, expired
from bindwatch.customization.toml_lines import lines_of
from bindwatch.errors import ConfigError
from bindwatch.model.change_window import ChangeWindow
from bindwatch.model.finding import AssetRef, Category, Finding, Severity
from bindwatch.model.log_entry import from_dict
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES, LOG_RULES, WINDOW_RULES
from customization.test_outside import database

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


EXCEPTION = "[[exception]]\nowner = 'o'\nreason = 'r'\nexpires = 2027-06-30\n"


def blocks(page: str) -> list[str]:
    """The TOML examples of a page."""
    return re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with a file of this text, without the folder's name."""
    path = folder / "bindwatch.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_customization(str(path))
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    (tmp_path / "bindwatch.toml").write_text(blocks("settings.md")[0], "utf-8")
    for name, text in (
        ("tor-exits.txt", "192.0.2.7"),
        ("threats.csv", "ip\n192.0.2.8"),
        ("leaked-keys.txt", "0a" * 20),
    ):
        (tmp_path / name).write_text(text, "utf-8")
    for name in ("Country", "ASN"):
        database(tmp_path / f"GeoLite2-{name}.mmdb", name, {"192.0.2.0/24": {"country": {"iso_code": "DE"}}})
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "owner.toml").write_text(blocks("custom-rules.md")[0], "utf-8")
    customization = load_customization(str(tmp_path / "bindwatch.toml"))
    context = customization.context(Context(trusted_domains=frozenset({"example.org"})))
    assert context.trusted_domains == {"example.com", "example.org"}
    assert context.break_glass == ("break-glass-*@example.com",)
    assert customization.settings.outside.groups == (str(tmp_path / "groups.json"),)
    rules = {rule.id: rule for rule in customization.log_rules(LOG_RULES)}
    assert "user-agent-missing" not in rules
    assert "owner-granted-by-hand" in rules
    assert rules["user-managed-key"].severity is Severity.LOW
    assert len(customization.inventory_rules(INVENTORY_RULES)) == len(INVENTORY_RULES)
    assert len(customization.window_rules(WINDOW_RULES)) == len(WINDOW_RULES)


def test_without_a_file_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    customization = load_customization()
    assert customization.log_rules(LOG_RULES) == LOG_RULES
    assert customization.context(Context(automation=("a",))).automation == ("a",)


def test_every_problem_is_said_with_its_line_and_field(tmp_path: Path) -> None:
    text = """\
trusted_domain = ["example.com"]
automation = "terraform"
break_glass = ["*"]
disabled_rules = ["public-membr"]

[severity]
public-member = "BAD"
no-such-rule = "LOW"

[thresholds]
public-member = 3
denial-burst = 0

[[exception]]
rule = "nope"
reason = "x"

[[exception]]
project = "*"
owner = "o"
reason = "r"
expires = "soon"

[[change_window]]
days = ["moo"]
begins = "25:00"
zone = "Mars/Base"

[[change_window]]
since = 2026-01-02
until = 2026-01-01
"""
    assert problems(tmp_path, text) == [
        "bindwatch.toml:1: trusted_domain: no such field; did you mean trusted_domains?",
        "bindwatch.toml:2: automation: expected a list of strings, found 'terraform'",
        "bindwatch.toml:3: break_glass: '*' would name everybody",
        "bindwatch.toml:4: disabled_rules: no rule 'public-membr'; did you mean public-member?",
        "bindwatch.toml:7: severity.public-member: expected one of INFO, LOW, MEDIUM, HIGH, CRITICAL, found 'BAD'",
        "bindwatch.toml:8: severity.no-such-rule: no rule 'no-such-rule'",
        "bindwatch.toml:11: thresholds.public-member: is no window rule",
        "bindwatch.toml:12: thresholds.denial-burst: expected 1 or more, found 0",
        "bindwatch.toml:14: exception[1].owner: missing",
        "bindwatch.toml:14: exception[1].expires: missing",
        "bindwatch.toml:15: exception[1].rule: no rule 'nope'",
        f"bindwatch.toml:18: exception[2]: needs a selector ({', '.join(SELECTORS)}): it would mute everything",
        "bindwatch.toml:22: exception[2].expires: expected a date (2027-03-31), found 'soon'",
        "bindwatch.toml:25: change_window[1].days: expected some of mon, tue, wed, thu, fri, sat, sun, found 'moo'",
        "bindwatch.toml:26: change_window[1].begins: expected a time of day (09:00), found '25:00'",
        "bindwatch.toml:27: change_window[1].zone: expected a time zone (Europe/Berlin), found 'Mars/Base'",
        "bindwatch.toml:31: change_window[2].until: is not after since",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("automation = ['terraform']", "1: automation: 'terraform' names nobody: expected an e-mail or a member"),
        ("trusted_domains = ['@example.com']", "1: trusted_domains: expected domains (example.com), found '@exa"),
        (EXCEPTION + "category = 'thread'", "5: exception[1].category: expected one of threat, over-privilege"),
        (EXCEPTION + "finding_id = '0123abcd'", "5: exception[1].finding_id: expected the whole id, 32 signs long"),
        (EXCEPTION + "category = 'threat*'", "5: exception[1].category: expected one of threat"),
    ],
)
def test_what_would_silently_fit_nothing_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"bindwatch.toml:{problem}")


@pytest.mark.parametrize(
    ("text", "line"), [("a = [\n1\nb = 2\n", 3), ("a = 1\n\nb = 'x", 3), ("a = 1\na = 2\n", 2), ("= 1", 1)]
)
def test_what_is_no_toml_is_said_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"bindwatch.toml:{line}: not TOML: ")


def test_a_missing_file_or_folder_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_customization(str(tmp_path / "none.toml"))
    (problem,) = problems(tmp_path, "custom_rules = 'gone'")
    assert problem == f"bindwatch.toml:1: custom_rules: {tmp_path}/gone: no such folder"


def test_lines_of_fields_behind_strings_and_arrays() -> None:
    text = 'a = """\nb = 1\n[c]\n"""\nd = [\n  "x = 1",\n]\n'
    text += '[[e]]\n"f.g" = { h = 1 }\n[e.i]\nj.k = "#"\n[[e]]\nl = \'[\'\nm = 1\n'
    lines = lines_of(text)
    assert {path: lines[path] for path in lines if path and path[-1] != "i"} == {
        ("a",): 1,
        ("d",): 5,
        ("e",): 8,
        ("e", 0): 8,
        ("e", 0, "f.g"): 9,
        ("e", 0, "i", "j"): 11,
        ("e", 0, "i", "j", "k"): 11,
        ("e", 1): 12,
        ("e", 1, "l"): 13,
        ("e", 1, "m"): 14,
    }


def finding(**said: str) -> Finding:
    known = {
        "rule_id": "public-member",
        "project": "www",
        "resource_name": "//storage.googleapis.com/a",
        "subject": "s",
    }
    known |= said
    return Finding(
        severity=Severity.HIGH,
        category=Category.OVER_PRIVILEGE,
        title="t",
        source=AssetRef("//a"),
        observed_at="2026-11-02T12:00:00Z",
        **known,  # type: ignore[arg-type]
    )


def test_an_exception_mutes_what_all_its_selectors_match_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "bindwatch.toml"
    path.write_text(
        '[[exception]]\nrule = "public-*"\nproject = "www"\nowner = "o"\nreason = "r"\nexpires = 2026-11-03\n'
        '[[exception]]\nsubject = "old"\nowner = "o"\nreason = "r"\nexpires = 2026-11-02\n'
    )
    exemptions = load_customization(str(path)).settings.exemptions
    standing = exempting(finding(), exemptions, NOW)
    assert standing is not None
    assert standing.place == f"{path}:1"
    assert exempting(finding(project="www2"), exemptions, NOW) is None
    assert exempting(finding(rule_id="user-managed-key"), exemptions, NOW) is None
    assert exempting(finding(), exemptions, datetime(2026, 11, 3, tzinfo=UTC)) is None
    assert exempting(finding(project="x", subject="old"), exemptions, NOW) is None
    assert expired(exemptions, NOW) == (exemptions[1],)


def entry(timestamp: str, *, log: str = "activity", failed: bool = False) -> dict[str, object]:
    return {
        "logName": f"projects/p/logs/cloudaudit.googleapis.com%2F{log}",
        "insertId": "a",
        "timestamp": timestamp,
        "resource": {"type": "project", "labels": {"project_id": "p"}},
        "protoPayload": {
            "serviceName": "example.googleapis.com",
            "methodName": "Do",
            "status": {"code": 7} if failed else {},
        },
    }


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-11-03T08:00:00Z", True),  # a Tuesday, nine o'clock in Berlin
        ("2026-11-03T07:59:59Z", False),
        ("2026-11-03T16:00:00Z", False),
        ("2026-11-04T10:00:00Z", False),
        ("not a time", None),
    ],
)
def test_a_change_window_is_in_its_zone(tmp_path: Path, timestamp: str, expected: bool | None) -> None:
    path = tmp_path / "bindwatch.toml"
    path.write_text('[[change_window]]\ndays = ["tue"]\nbegins = 09:00:00\nends = "17:00"\nzone = "Europe/Berlin"\n')
    context = load_customization(str(path)).context(Context())
    assert context.in_change_window(from_dict(entry(timestamp))) is expected


def test_a_window_may_end_on_the_next_day() -> None:
    from datetime import time

    night = ChangeWindow(days=frozenset({"sat"}), begins=time(22), ends=time(4), zone=UTC)
    assert night.covers(datetime(2026, 11, 7, 23, tzinfo=UTC), "p")
    assert night.covers(datetime(2026, 11, 8, 3, tzinfo=UTC), "p")
    assert not night.covers(datetime(2026, 11, 7, 3, tzinfo=UTC), "p")
    assert not night.covers(datetime(2026, 11, 8, 23, tzinfo=UTC), "p")


def test_a_threshold_is_raised(tmp_path: Path) -> None:
    from bindwatch.model.finding import LogRef
    from bindwatch.rule import WindowRow

    path = tmp_path / "bindwatch.toml"
    path.write_text("[thresholds]\ndenial-burst = 50\n")
    (rule,) = (rule for rule in load_customization(str(path)).window_rules(WINDOW_RULES) if rule.id == "denial-burst")

    def row(calls: int) -> WindowRow:
        return WindowRow(ref=LogRef("l", "i", "t"), observed_at="2026-11-02T12:00:00Z", caller="user:a", calls=calls)

    assert list(rule.judge(row(49), Context())) == []
    assert len(list(rule.judge(row(50), Context()))) == 1
