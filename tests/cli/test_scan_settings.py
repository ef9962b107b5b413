"""Scanning and testing rules with a settings file, as a user does."""

import json
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from cli.test_scan import bindwatch
from customization.test_custom_rules import RULE, case, entry
from customization.test_settings_file import blocks

KEY = {
    "name": "projects/acme-prod/serviceAccounts/ci@acme-prod.iam.gserviceaccount.com/keys/abc123",
    "keyType": "USER_MANAGED",
    "keyOrigin": "GOOGLE_PROVIDED",
    "validAfterTime": "2020-01-01T00:00:00Z",
    "validBeforeTime": "9999-12-31T23:59:59Z",
}


def scan(folder: Path, settings: str, *more: str | Path, fail_on: str = "info") -> tuple[int, dict[str, Any]]:
    (folder / "own.toml").write_text(settings, "utf-8")
    (folder / "input").mkdir(exist_ok=True)
    (folder / "input" / "keys.json").write_text(json.dumps([KEY]))
    arguments = ["--settings", folder / "own.toml", "--format", "json", "--fail-on", fail_on, *more]
    done = bindwatch("scan", folder / "input", *arguments)
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["rule_id"] for row in rows}


def test_severities_and_disabled_rules(tmp_path: Path) -> None:
    _, plain = scan(tmp_path, "")
    assert "user-managed-key" in ids(plain["findings"])
    code, document = scan(tmp_path, '[severity]\nuser-managed-key = "INFO"\n', fail_on="low")
    (key,) = (row for row in document["findings"] if row["rule_id"] == "user-managed-key")
    assert key["severity"] == "INFO"
    disabled = sorted(ids(plain["findings"]) - {"user-managed-key"})
    code, document = scan(
        tmp_path, f'disabled_rules = {json.dumps(disabled)}\n[severity]\nuser-managed-key = "INFO"\n', fail_on="low"
    )
    assert (code, ids(document["findings"])) == (0, {"user-managed-key"})


def test_what_an_exception_mutes_is_listed_apart_and_not_counted(tmp_path: Path) -> None:
    settings = (
        '[[exception]]\nproject = "acme-prod"\nowner = "ada@example.com"\nreason = "leaving"\nexpires = 2999-01-01\n'
        '[[exception]]\nrule = "public-member"\nowner = "ada@example.com"\nreason = "www"\nexpires = 2020-01-01\n'
    )
    store = tmp_path / "store.duckdb"
    code, document = scan(tmp_path, settings, "--store", store)
    assert (code, document["findings"]) == (0, [])
    assert "user-managed-key" in ids(document["muted"])
    assert document["muted"][0]["mute"] == {
        "owner": "ada@example.com",
        "reason": "leaving",
        "expires": "2999-01-01T00:00:00Z",
        "place": f"{tmp_path}/own.toml:1",
    }
    (expired,) = document["summary"]["expired_exceptions"]
    assert expired["exception"] == "rule public-member until 2020-01-01 by ada@example.com: www"
    with DuckDBStore(str(store)) as kept:
        (mute,) = kept.active_mutes()
        assert (mute["project"], mute["origin"]) == ("acme-prod", "settings")
    assert scan(tmp_path, "", "--store", store)[0] == 1
    with DuckDBStore(str(store)) as kept:
        assert kept.active_mutes() == []


def test_wrong_settings_end_the_scan(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("trusted_domain = []\n")
    done = bindwatch("scan", tmp_path, "--settings", tmp_path / "own.toml")
    assert done.returncode == 2
    assert b"own.toml:1: trusted_domain: no such field; did you mean trusted_domains?" in done.stderr


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (blocks("custom-rules.md")[0], 0, b"1 rules, 2 cases, 0 failed"),
        (RULE, 1, b"our-rule: cases: has no case that fires"),
        (RULE + case("loud", False, entry()) + case("fires", True, entry()), 1, b"loud: expected nothing, found"),
        (RULE.replace("threat", "x"), 2, b"rule.toml:4: category: expected one of"),
    ],
)
def test_the_cases_of_rules_are_judged(tmp_path: Path, text: str, code: int, said: bytes) -> None:
    (tmp_path / "rule.toml").write_text(text)
    done = bindwatch("rules", "test", tmp_path)
    assert done.returncode == code
    assert said in done.stderr


def test_custom_rules_find_are_shown_and_pass_the_sink(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rule.toml").write_text(RULE.replace("iam.googleapis.com/*", "example.googleapis.com/Do"))
    (tmp_path / "input").mkdir()
    said = entry(serviceName="example.googleapis.com", methodName="Do")
    (tmp_path / "input" / "log.json").write_text(json.dumps([said]))
    _, document = scan(tmp_path, 'custom_rules = "rules"\n')
    assert "our-rule" in ids(document["findings"])
    page = bindwatch("rules", "our-rule", "--settings", tmp_path / "own.toml")
    assert page.returncode == 0
    assert b"example.googleapis.com/Do" in page.stdout
    assert bindwatch("rules", "public-member").stdout.startswith(b"public-member")


def test_that_nobody_said_which_domains_are_theirs_is_said(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(entry(methodName="example.Get")))
    told = [
        b"which domains are yours" in bindwatch("scan", tmp_path, *more).stderr
        for more in ([], ["--trusted-domain", "example.com"])
    ]
    assert told == [True, False]
