"""What each destination is sent: what its documentation asks for, within its limits, and nothing that acts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bindwatch.adapters.bridges import google_chat, jira, pagerduty, slack
from bindwatch.adapters.bridges.bridge import open_bridge
from bindwatch.adapters.bridges.http import Patience
from bindwatch.customization.destinations import Destination, Kind
from bindwatch.errors import BackendError, ConfigError, InputError
from bindwatch.pipeline.announced import Announced, read_alert
from fakes.receivers import GoogleChat, Jira, PagerDuty, Receiver, Reply, Slack, Webhook, listening
from sample_alerts import HOSTILE, alert, baseline, hostile

LABELS = {"shop-prod": {"team": "shop"}}
SIGNING = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
QUICK = Patience(connect=2, answer=2, repetitions=2, first_pause=0.01, longest_pause=1)
JOINER = "\u2060"


def strings(value: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def destination(kind: Kind, url: str = "", **more: Any) -> Destination:
    if kind is Kind.JIRA:
        more = {"user": "bot@example.com", "project": "SEC", "done": "Fixed", **more}
    return Destination(name="security", kind=kind, secret="S", url=url, **more)


def many(count: int) -> list[Announced]:
    return [alert(finding_id=f"f{number}", title=f"Finding {number} " + "x" * 300) for number in range(count)]


def marked_up(value: Any) -> list[str]:
    """The texts of a Slack message in which markup is read."""
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        return own + [text for item in value.values() for text in marked_up(item)]
    return [text for item in value for text in marked_up(item)] if isinstance(value, list) else []


# Slack


def slack_takes(alerts: list[Announced]) -> dict[str, Any]:
    """The message that Slack took."""
    receiver = Slack()
    with listening(receiver) as url:
        open_bridge(destination(Kind.SLACK), f"{url}/services/T0/B0/x", QUICK).tell(alerts, LABELS, "")
    (taken,) = receiver.taken
    assert receiver.calls[0].path == "/services/T0/B0/x"
    return dict(taken)


def test_slack_is_shown_what_happened_why_and_what_to_do() -> None:
    message = slack_takes([alert()])
    told = "\n".join(strings(message["blocks"]))
    for part in (
        "New, HIGH: roles/owner granted to user:eve@example.com",
        "An owner can become",
        "Project: shop-prod",
        "Labels: team=shop",
        "```\ngcloud projects remove-iam-policy-binding shop-prod",
        "|Logs Explorer>",
    ):
        assert part in told
    assert message["unfurl_links"] is message["unfurl_media"] is False


def test_slack_is_told_of_an_end_without_commands() -> None:
    told = "\n".join(strings(slack_takes([alert("resolved", state_by="audit")])))
    assert "Resolved, HIGH" in told
    assert "gcloud" not in told


def test_slack_is_told_of_many_in_one_message() -> None:
    message = slack_takes(many(120))
    assert message["blocks"][0]["text"]["text"].startswith("120 alerts, worst HIGH, of basic-role: 120 new")
    assert re.search(r"and \d+ more", "\n".join(strings(message)))


def test_a_first_audit_is_told_in_numbers() -> None:
    assert "First audit of organizations/1: 1 CRITICAL, 20 HIGH, 3 LOW" in slack_takes([baseline()])["text"]


@pytest.mark.parametrize("name", HOSTILE)
def test_slack_reads_no_markup_in_text_of_logs(name: str) -> None:
    one, two = read_alert(hostile(HOSTILE[name])), read_alert(hostile(HOSTILE[name], "resolved"))
    for alerts in ([one], [two], [one, two]):
        message = slack_takes(alerts)
        code = [text for text in marked_up(message) if text.startswith("```")]
        assert all(text.count("```") == 2 and text.endswith("```") for text in code)
        assert all(
            re.fullmatch(r"<https://console[^<>|]*\|Logs Explorer>", text)
            for text in marked_up(message)
            if text not in code
        )
        for text in strings(message):
            # What is left between brackets is ours: the link to the console.
            assert all(inner.endswith("|Logs Explorer") for inner in re.findall(r"<([^>]*)>?", text)), text
            assert not re.search(r"@(here|channel|everyone)\b", re.sub(r"```.*```", "", text, flags=re.DOTALL))
            assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069\u200b\ufeff]", text)


def test_a_link_that_leads_elsewhere_is_not_shown() -> None:
    source = {"log_name": "", "insert_id": "", "timestamp": "", "asset": "", "etag": ""}
    for url in ("https://evil.example.com/", "https://console.cloud.google.com@evil.example.com/", "javascript:x"):
        told = strings(slack_takes([alert(evidence=[{**source, "url": url}])]))
        assert not [text for text in told if "Logs Explorer" in text]


# Google Chat


def chat_takes(alerts: list[Announced]) -> dict[str, Any]:
    receiver = GoogleChat()
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.GOOGLE_CHAT), f"{url}/v1/spaces/x/messages?key=k&token=t", QUICK)
        bridge.tell(alerts, LABELS, "")
        bridge.tell(alerts, LABELS, "")  # the same request id: Chat makes it one message
    (taken,) = receiver.taken
    return dict(taken)


def test_chat_is_sent_a_card_in_the_thread_of_the_finding() -> None:
    receiver = GoogleChat()
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.GOOGLE_CHAT), f"{url}/v1/spaces/x/messages?key=k&token=t", QUICK)
        bridge.tell([alert()], LABELS, "")
        bridge.tell([alert("resolved")], LABELS, "")
    assert [call.query["threadKey"] for call in receiver.calls] == ["f1", "f1"]
    assert {call.query["messageReplyOption"] for call in receiver.calls} == {"REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"}
    told = "\n".join(strings(receiver.taken[0]))
    for part in ("New, HIGH", "roles/owner granted", "team=shop", "remove-iam-policy-binding", "Take the role back."):
        assert part in told


def test_chat_is_told_of_many_in_one_message() -> None:
    assert "120 alerts" in chat_takes(many(120))["cardsV2"][0]["card"]["header"]["title"]


@pytest.mark.parametrize("name", HOSTILE)
def test_chat_reads_no_markup_in_text_of_logs(name: str) -> None:
    for alerts in ([read_alert(hostile(HOSTILE[name]))], [read_alert(hostile(HOSTILE[name])), alert()]):
        made = chat_takes(alerts)
        assert "text" not in made
        assert "<users/" not in made["fallbackText"]
        for section in made["cardsV2"][0]["card"]["sections"]:
            for widget in section["widgets"]:
                for text in strings({key: item for key, item in widget.items() if key != "buttonList"}):
                    assert "<" not in text.replace("<br>", "")


# PagerDuty


def test_pagerduty_opens_and_ends_one_incident() -> None:
    receiver = PagerDuty("k" * 32)
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.PAGERDUTY, f"{url}/v2/enqueue"), "k" * 32, QUICK)
        bridge.tell([alert(severity="CRITICAL")], LABELS, "")
        bridge.tell([alert("escalated", severity="CRITICAL")], LABELS, "")
        assert list(receiver.incidents) == ["f1"]
        payload = receiver.incidents["f1"]
        assert (payload["severity"], payload["group"], payload["class"]) == (
            "critical", "shop-prod", "basic-role"
        )  # fmt: skip
        assert payload["custom_details"]["Labels"] == "team=shop"
        bridge.tell([alert("resolved", severity="CRITICAL")], LABELS, "")
        assert receiver.incidents == {}
    assert pagerduty.ADDRESS == "https://events.pagerduty.com/v2/enqueue"


@pytest.mark.parametrize("name", HOSTILE)
def test_pagerduty_takes_any_text(name: str) -> None:
    receiver = PagerDuty("k" * 32)
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.PAGERDUTY, f"{url}/v2/enqueue"), "k" * 32, QUICK)
        bridge.tell([read_alert(hostile(HOSTILE[name]))], LABELS, "")
    (event,) = receiver.taken
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", "".join(strings(event)))
    assert not re.search(r"(?i)https?://evil", event["payload"]["summary"])


# A webhook of one's own


def test_a_webhook_is_signed_and_carries_the_alerts_as_published() -> None:
    receiver = Webhook(SIGNING)
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.WEBHOOK, f"{url}/hook"), SIGNING, QUICK)
        alerts = [alert(), alert(finding_id="f2")]
        bridge.tell(alerts, LABELS, "")
        bridge.tell(alerts, LABELS, "")
    assert receiver.taken[0]["type"] == "bindwatch.alerts"
    assert receiver.taken[0]["data"]["alerts"] == [json.loads(item.data) for item in alerts]
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1


def test_what_was_changed_on_its_way_does_not_verify() -> None:
    receiver = Webhook("whsec_" + "A" * 32)
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.WEBHOOK, url), SIGNING, QUICK)
        with pytest.raises(InputError, match="answered 400: invalid: signature"):
            bridge.tell([alert()], LABELS, "")


# Jira

BASIC = "Basic Ym90QGV4YW1wbGUuY29tOnRva2VuLXRva2Vu"


@pytest.mark.parametrize("api", [2, 3])
def test_jira_has_one_issue_for_a_finding_from_its_beginning_to_its_end(api: int) -> None:
    receiver = Jira(BASIC, api)
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.JIRA, url, api=api, labels=("cloud",)), "token-token", QUICK)
        key = bridge.tell([alert()], LABELS, "")
        assert key == "SEC-1"
        assert bridge.tell([alert()], LABELS, "") == key  # delivered again
        issue = receiver.issues[key]
        assert set(issue["labels"]) == {"bindwatch", "bindwatch-f1", "cloud"}
        assert issue["comment"]["comments"] == []
        assert "remove-iam-policy-binding" in json.dumps(issue["description"])
        bridge.tell([alert("resolved")], LABELS, key)
        bridge.tell([alert("resolved")], LABELS, key)
        assert issue["by"] == "31"
        assert len(issue["comment"]["comments"]) == 1
        bridge.tell([alert("reopened")], LABELS, "")
        assert issue["by"] == "11"
    assert list(receiver.issues) == ["SEC-1"]


def test_jira_whose_search_lags_makes_no_second_issue_where_the_key_is_known() -> None:
    receiver = Jira(BASIC)
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.JIRA, url), "token-token", QUICK)
        key = bridge.tell([alert()], LABELS, "")
        receiver.index_is_late = True
        assert bridge.tell([alert("escalated")], LABELS, key) == key
    assert len(receiver.issues) == 1


def test_the_end_of_what_jira_was_never_told_makes_no_issue() -> None:
    receiver = Jira(BASIC)
    with listening(receiver) as url:
        assert open_bridge(destination(Kind.JIRA, url), "token-token", QUICK).tell([alert("closed")], {}, "") == ""
    assert receiver.issues == {}


@pytest.mark.parametrize("api", [2, 3])
@pytest.mark.parametrize("name", HOSTILE)
def test_jira_reads_no_markup_in_text_of_logs(name: str, api: int) -> None:
    receiver = Jira(BASIC, api)
    with listening(receiver) as url:
        bridge = open_bridge(destination(Kind.JIRA, url, api=api), "token-token", QUICK)
        key = bridge.tell([read_alert(hostile(HOSTILE[name]))], LABELS, "")
        bridge.tell([read_alert(hostile(HOSTILE[name], "resolved"))], LABELS, key)
    issue = receiver.issues[key]
    for text in (issue["description"], issue["comment"]["comments"][0]["body"]):
        if api == 3:
            assert not [node for block in text["content"] for node in block["content"] if node["type"] == "mention"]
        else:
            outside = re.sub(r"\{noformat\}\n.*?\n\{noformat\}", "", text, flags=re.DOTALL)
            assert re.fullmatch(r"\s*(\[Logs Explorer\|[^|\]\s]*\])?", outside), outside


def test_a_label_is_one_word_whatever_the_id_holds() -> None:
    assert jira.label_of(alert(finding_id='x" OR labels = "y z')) == "bindwatch-x--OR-labels----y-z"


# What is refused, and what is tried again


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_moment_is_waited_for(kind: Kind, status: int) -> None:
    receiver = Receiver()
    receiver.refusing = [Reply(status, "later", {"Retry-After": "0"})] * 2
    with listening(receiver) as url:
        secret = SIGNING if kind is Kind.WEBHOOK else url
        open_bridge(destination(kind, url), secret, QUICK).tell([alert("resolved")], {}, "")
    assert len(receiver.calls) == 3


@pytest.mark.parametrize("kind", list(Kind))
def test_what_lasts_is_for_later(kind: Kind) -> None:
    receiver = Receiver()
    receiver.refusing = [Reply(429, "slow down", {"Retry-After": "0"})] * 9
    with listening(receiver) as url:
        secret = SIGNING if kind is Kind.WEBHOOK else url
        with pytest.raises(BackendError, match="destination security: answered 429: slow down"):
            open_bridge(destination(kind, url), secret, QUICK).tell([alert()], {}, "")


@pytest.mark.parametrize(("status", "text"), [(400, "invalid_blocks"), (404, "no_service"), (410, "gone"), (302, "")])
def test_what_will_never_be_taken_is_said_with_its_reason(status: int, text: str) -> None:
    receiver = Receiver()
    receiver.refusing = [Reply(status, text, {"Location": "https://elsewhere.example.com/"} if status == 302 else {})]
    with listening(receiver) as url, pytest.raises(InputError) as caught:
        open_bridge(destination(Kind.SLACK), f"{url}/x", QUICK).tell([alert()], {}, "")
    assert caught.value.field == "destination security"
    assert caught.value.problem == f"answered {status}: {text or 'nothing more'}"
    assert len(receiver.calls) == 1


def test_no_problem_tells_a_secret() -> None:
    with pytest.raises(BackendError) as refused:
        open_bridge(destination(Kind.SLACK), "http://127.0.0.1:9/services/T0/B0/hidden", QUICK).tell([alert()], {}, "")
    receiver = Receiver()
    with listening(receiver) as url:
        secret = f"{url}/services/T0/B0/hidden"
        receiver.refusing = [Reply(404, f"nothing at {secret}")]
        with pytest.raises(InputError) as echoed:
            open_bridge(destination(Kind.SLACK), secret, QUICK).tell([alert()], {}, "")
    for error in (refused.value, echoed.value):
        assert "hidden" not in f"{error} {error.__cause__}"


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        (Kind.SLACK, "http://hooks.example.com/hidden"),
        (Kind.GOOGLE_CHAT, "hidden"),
        (Kind.WEBHOOK, "hidden"),
        (Kind.WEBHOOK, "whsec_hidden!"),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused_without_being_told(kind: Kind, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_bridge(destination(kind, "https://example.com"), secret)
    assert "hidden" not in str(caught.value)


def test_messages_do_not_grow_with_what_strangers_write() -> None:
    grown = read_alert(hostile(HOSTILE["long"]))
    assert len(json.dumps(slack.message([grown], {}))) < 40_000
    assert len(json.dumps(google_chat.message([grown], {}))) < 120_000
