"""Destinations and routes in the settings file: what is read, where alerts go, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bindwatch.adapters.customization_files import load_customization
from bindwatch.customization.destinations import Directory, GroupBy, Kind
from bindwatch.errors import ConfigError
from customization.test_settings_file import blocks
from sample_alerts import alert, baseline

TEXT = """
[[destination]]
name = "security"
kind = "slack"
secret = "SLACK_SECURITY"

[[destination]]
name = "shop"
kind = "google-chat"
secret = "CHAT_SHOP"
group_by = "none"

[[destination]]
name = "on-call"
kind = "pagerduty"
secret = "PAGERDUTY"

[[route]]
to = ["security"]

[[route]]
to = ["on-call", "security"]
severity = "HIGH"
categories = ["threat"]
reasons = ["opened", "reopened", "escalated", "resolved", "closed"]

[[route]]
to = ["shop"]
labels = { team = "shop" }
projects = ["shop-*"]
rules = ["public-*", "basic-role"]

[[project_labels]]
projects = ["shop-*"]
labels = { team = "shop", stage = "test" }

[[project_labels]]
projects = ["shop-prod"]
labels = { stage = "prod" }
"""


def directory(folder: Path, text: str = TEXT) -> Directory:
    (folder / "bindwatch.toml").write_text(text, "utf-8")
    return load_customization(str(folder / "bindwatch.toml")).settings.directory


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        directory(folder, text)
    return [problem.removeprefix(f"{folder}/bindwatch.toml:") for problem in caught.value.problems]


def names(found: Directory, **changed: str) -> list[str]:
    return [item.name for item in found.destinations_of(alert(**changed))]


def test_an_alert_takes_every_route_that_fits_and_reaches_each_destination_once(tmp_path: Path) -> None:
    found = directory(tmp_path)
    assert names(found, category="threat", severity="CRITICAL") == ["security", "on-call", "shop"]
    assert names(found, category="threat", severity="MEDIUM") == ["security", "shop"]
    assert names(found, category="hygiene", project="shop-test", rule_id="public-member") == ["security", "shop"]
    assert names(found, category="hygiene", project="shop-test", rule_id="user-managed-key") == ["security"]
    assert names(found, category="hygiene", project="bank", rule_id="public-member") == ["security"]
    assert [item.name for item in found.destinations_of(baseline())] == ["security"]


def test_the_later_label_holds(tmp_path: Path) -> None:
    found = directory(tmp_path)
    assert found.labels_of("shop-prod") == {"team": "shop", "stage": "prod"}
    assert found.labels_of("shop-x") == {"team": "shop", "stage": "test"}
    assert found.labels_of("bank") == found.labels_of("") == {}


def test_what_is_not_said_is_as_the_page_says(tmp_path: Path) -> None:
    item = directory(tmp_path).destinations["security"]
    assert (item.kind, item.group_by, item.groups) == (Kind.SLACK, GroupBy.RULE, True)
    assert not directory(tmp_path).destinations["on-call"].groups


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    (text,) = blocks("alert-subscribers.md")
    found = directory(tmp_path, text)
    assert {item.kind for item in found.destinations.values()} == set(Kind)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
[[destination]]
name = "My Chat"
kind = "teams"
secret = "https://hooks.slack.com/services/T0/B0/hidden"

[[destination]]
name = "hook"
kind = "webhook"
secret = "HOOK"
url = "http://example.com/x"

[[destination]]
name = "hook"
kind = "slack"
secret = "SLACK"
url = "https://hooks.slack.com/services/T0/B0/hidden"

[[destination]]
name = "tickets"
kind = "jira"
secret = "JIRA"
api = 4
labels = ["two words"]

[[route]]
to = ["hok"]
severity = "LOUD"
categories = ["threats"]
rules = ["public-membr"]
labels = { team = 7 }
""",
    )
    assert "hidden" not in "".join(found)
    categories = "threat, over-privilege, broken-binding, hygiene, blind-spot"
    for said in (
        "3: destination[1].name: expected lower-case words joined by hyphens, found 'My Chat'",
        "4: destination[1].kind: expected one of slack, google-chat, pagerduty, webhook, jira, found 'teams'",
        "5: destination[1].secret: expected the name of a secret (SLACK_SECURITY), capital letters; never its value",
        "11: destination[2].url: expected an address that begins with https://",
        "14: destination[3].name: another destination is called 'hook'",
        "17: destination[3].url: the address of such a webhook is its secret: give it as the secret",
        "19: destination[4].url: missing",
        "23: destination[4].api: expected 2 or 3, found 4",
        "24: destination[4].labels: a label has no blanks and at most 255 characters, found 'two words'",
        "19: destination[4].project: missing",
        "27: route[1].to: no destination 'hok'; did you mean hook?",
        f"29: route[1].categories: expected some of {categories}, found 'threats'",
        "30: route[1].rules: no rule 'public-membr'; did you mean public-member?",
        "31: route[1].labels.team: expected a string, found the number 7",
    ):
        assert said in found, found


def test_a_destination_that_nothing_leads_to_is_a_mistake(tmp_path: Path) -> None:
    head, _, _ = TEXT.partition("[[route]]")
    assert problems(tmp_path, head) == ["2: destination: no [[route]] leads there: nobody would be told"]
    lone = '[[destination]]\nname = "lone"\nkind = "slack"\nsecret = "S"\n'
    assert problems(tmp_path, TEXT + lone) == ["41: destination[4].name: no route leads to 'lone'"]
