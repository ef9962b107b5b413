"""Custom rules: ordinary rules once they are read, refused with file, line and reason where they are not."""

import json
import re
from pathlib import Path

import pytest

from bindwatch.adapters.customization_files import judge_cases, load_rules
from bindwatch.customization.entry_fields import FIELDS
from bindwatch.engine import Engine
from bindwatch.errors import ConfigError
from bindwatch.model.finding import Severity
from bindwatch.model.log_entry import from_dict
from bindwatch.rule import Context
from bindwatch.rules.sink_filter import sink_filter
from customization.test_settings_file import blocks

RULE = """\
id = "our-rule"
title = "Something happened"
severity = "HIGH"
category = "threat"
methods = ["iam.googleapis.com/*"]
condition = 'entry.caller.endsWith("@example.com")'
text = "{caller} called {method} for {target} with {request.note}"
commands = ["gcloud iam service-accounts disable {request.note}"]
"""


def entry(**payload: object) -> dict[str, object]:
    known = {
        "serviceName": "iam.googleapis.com",
        "methodName": "google.iam.admin.v1.CreateServiceAccount",
        "authenticationInfo": {"principalEmail": "ada@example.com"},
        "resourceName": "projects/p",
    }
    return {
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": "a",
        "timestamp": "2026-11-02T10:00:00Z",
        "resource": {"type": "project", "labels": {"project_id": "p"}},
        "protoPayload": known | payload,
    }


def load(folder: Path, text: str) -> Engine:
    (folder / "rule.toml").write_text(text, "utf-8")
    return Engine(Context(), [custom.rule for custom in load_rules(str(folder))])


def refusals(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_example_of_the_page_passes_its_own_cases(tmp_path: Path) -> None:
    (tmp_path / "owner.toml").write_text(blocks("custom-rules.md")[0], "utf-8")
    (custom,) = load_rules(str(tmp_path))
    results = judge_cases(custom, Context())
    assert [(result.name, result.problem) for result in results] == [
        ("a person grants owner", ""),
        ("the role is taken away", ""),
    ]
    assert "SetIamPolicy" in sink_filter([custom.rule])


def test_a_rule_is_judged_like_any_other(tmp_path: Path) -> None:
    engine = load(tmp_path, RULE)
    (finding,) = engine.judge_entry(from_dict(entry(request={"note": "x"}))).findings
    assert finding.rule_id == "our-rule"
    assert finding.severity is Severity.HIGH
    assert finding.subject == "ada@example.com"
    assert finding.principal == "ada@example.com"
    assert not engine.judge_entry(from_dict(entry(authenticationInfo={"principalEmail": "eve@example.org"})))
    assert not engine.judge_entry(from_dict(entry(status={"code": 7})))
    assert not engine.judge_entry(from_dict(entry(serviceName="storage.googleapis.com")))


@pytest.mark.parametrize("hostile", ["{caller}", "$(touch x)", "'; rm -rf / #", "{0.__class__}", "%s", "\x1b[2J"])
def test_what_an_entry_says_is_never_run_nor_read_as_a_template(tmp_path: Path, hostile: str) -> None:
    engine = load(tmp_path, RULE)
    (finding,) = engine.judge_entry(from_dict(entry(request={"note": hostile}))).findings
    assert finding.title.endswith(f" with {hostile}")
    assert finding.remediation is not None
    (command,) = finding.remediation.commands
    import shlex

    assert shlex.split(command) == ["gcloud", "iam", "service-accounts", "disable", hostile]


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ('"our-rule"', '"Our Rule"', "1: id: expected words joined by hyphens (ours-like-this), found 'Our Rule'"),
        ('"our-rule"', '"public-member"', "1: id: another rule has the id 'public-member'"),
        ('severity = "HIGH"', "", "1: severity: missing"),
        ('"threat"', '"thread"', "4: category: expected one of threat, "),
        ('["iam.googleapis.com/*"]', '["*CreateRole"]', "5: methods: expected SERVICE/METHOD"),
        ('["iam.googleapis.com/*"]', "[]", "5: methods: names no method"),
        ("entry.caller.", "entry.callr.", "6: condition: entry.callr: no such field; did you mean caller"),
        ('entry.caller.endsWith("@example.com")', "entry.caller", "6: condition: the condition gave str"),
        ('entry.caller.endsWith("@example.com")', "entry.caller ==", "6: condition: is no CEL: "),
        ('entry.caller.endsWith("@example.com")', "entry.failed > 1", "6: condition: No such overload"),
        ('entry.caller.endsWith("@example.com")', "method == 'x'", "6: condition: method: nothing of that name; did"),
        ('entry.caller.endsWith("@example.com")', "entry == 1", "6: condition: entry is read field by field"),
        ('entry.caller.endsWith("@example.com")', "test('a')", "6: condition: test(): no such function; did you mean"),
        ('entry.caller.endsWith("@example.com")', "entry.labels.a == ''", "6: condition: fails where there is no 'a'"),
        ('entry.caller.endsWith("@example.com")', "grant.role == ''", "6: condition: grant: nothing of that name"),
        (
            'entry.caller.endsWith("@example.com")',
            "entry.grants.exists(g, g.rolle == 'x')",
            "6: condition: g.rolle: grants have no such field; did you mean role?",
        ),
        (
            'entry.caller.endsWith("@example.com")',
            "entry.status_code == '7'",
            "6: condition: entry.status_code is of type int: it never equals a string",
        ),
        (
            'entry.caller.endsWith("@example.com")',
            "entry.failed == 1",
            "6: condition: entry.failed is of type bool: it",
        ),
        (
            'entry.caller.endsWith("@example.com")',
            "entry.failed &&",
            "6: condition: is no CEL: Syntax error: mismatched input '<EOF>'",
        ),
        ("{target}", "{targt}", "7: text: {targt}: no such field; did you mean target?"),
        ("{target}", "{grant.role}", "7: text: {grant.role}: needs each = 'grants'"),
        ("commands = ", "command = ", "8: command: no such field; did you mean commands?"),
        ("gcloud iam", "{request}", "8: commands: {request}: needs a path, as in {request.name}"),
        ('"HIGH"', '"HIGH"\nlog = "data_access"', "4: log: log_type is missing"),
        ('"HIGH"', '"HIGH"\ntechniques = ["x"]', "4: techniques: expected ids like T1078.004"),
    ],
)
def test_a_bad_rule_is_refused_with_its_line(tmp_path: Path, old: str, new: str, refusal: str) -> None:
    text = RULE.replace(old, new.replace("'", '"') if old.startswith("entry.caller.e") else new)
    assert text != RULE
    found = refusals(tmp_path, text)
    assert any(problem.startswith(f"rule.toml:{refusal}") for problem in found), found


def test_a_condition_knows_the_hour_of_a_zone(tmp_path: Path) -> None:
    condition = 'entry.time.getHours("Europe/Berlin") == 11 && entry.time.getHours() == 10'
    engine = load(tmp_path, RULE.replace("'entry.caller.endsWith(\"@example.com\")'", f"'{condition}'"))
    assert len(engine.judge_entry(from_dict(entry())).findings) == 1


def test_a_file_that_is_no_toml_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("id: my-rule\n")
    (found,) = refusals(tmp_path, RULE)
    assert found.startswith("mine.yaml: is not read: rules are TOML (.toml)")


def test_two_rules_of_one_id_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(RULE)
    assert refusals(tmp_path, RULE) == [f"rule.toml:1: id: {tmp_path}/other.toml has the id 'our-rule' too"]


def test_every_field_is_there_for_the_barest_entry() -> None:
    bare = from_dict({"protoPayload": {"methodName": "Do"}})
    for name, field in FIELDS.items():
        assert field.read(bare, Context()) is not None, name


def test_bodies_are_read_by_path_and_never_fail(tmp_path: Path) -> None:
    condition = (
        'text("request.a.b") == "x" && text("request.none") == "" && "y" in texts("request.c") && '
        'number("response.n") == 3 && flag("metadata.on") && !flag("metadata.off") && present("request.a") && '
        '!present("response.z") && text("nobody.x") == ""'
    )
    text = RULE.replace("'entry.caller.endsWith(\"@example.com\")'", f"'{condition}'")
    engine = load(tmp_path, text)
    body = {"request": {"a": {"b": "x"}, "c": ["y"]}, "response": {"n": "3"}, "metadata": {"on": True}}
    verdict = engine.judge_entry(from_dict(entry(**body)))
    assert verdict.failures == ()
    assert len(verdict.findings) == 1


def test_a_condition_that_fails_on_an_entry_is_a_rule_failure(tmp_path: Path) -> None:
    text = RULE.replace('entry.caller.endsWith("@example.com")', 'entry.project == "" || entry.labels.a == ""')
    verdict = load(tmp_path, text).judge_entry(from_dict(entry()))
    assert [failure.rule_id for failure in verdict.failures] == ["our-rule"]


def case(name: str, fires: bool, said: object, more: str = "") -> str:
    return (
        f"\n[[case]]\nname = {json.dumps(name)}\nfires = {str(fires).lower()}\n{more}entry = '''{json.dumps(said)}'''\n"
    )


def test_cases_say_what_went_otherwise(tmp_path: Path) -> None:
    other = entry(authenticationInfo={"principalEmail": "eve@example.org"})
    text = (
        RULE
        + case("quiet", True, other)
        + case("loud", False, entry())
        + case("other words", True, entry(), 'text = "x"\n')
    )
    text += case("other api", True, entry(serviceName="x.googleapis.com")) + case(
        "failed", True, entry(status={"code": 7})
    )
    elsewhere = entry() | {"logName": "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access"}
    text += case("other log", True, elsewhere)
    text += "\n[[case]]\nname = 'broken'\nfires = true\nentry = '{'\n"
    text += "\n[[case]]\nname = 'gone'\nfires = true\nfile = 'no.json'\n"
    (tmp_path / "rule.toml").write_text(text)
    (custom,) = load_rules(str(tmp_path))
    found = {result.name: re.sub(r":.*", "", result.problem) for result in judge_cases(custom, Context())}
    said = "'ada@example.com called google.iam.admin.v1.CreateServiceAccount for  with '"
    assert found == {
        "quiet": "expected a finding, found none",
        "loud": f"expected nothing, found {said}",
        "other words": f"expected 'x', found {said}",
        "other api": "expected a finding, found none",
        "failed": "expected a finding, found none",
        "other log": "the entry is in the log data_access, the rule reads activity",
        "broken": "its entry cannot be read",
        "gone": "its entry cannot be read",
    }


def test_a_rule_without_cases_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "rule.toml").write_text(RULE)
    (custom,) = load_rules(str(tmp_path))
    assert [result.problem for result in judge_cases(custom, Context())] == [
        "has no case that fires",
        "has no case that stays quiet",
    ]
