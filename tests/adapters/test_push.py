"""What may be posted to the functions: every form becomes messages, and nothing becomes an exception."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.adapters.push import Message, Poison, read_messages

ENTRY = {"logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity", "protoPayload": {"methodName": "X"}}
DATA = json.dumps(ENTRY).encode()


def wrapped(data: object = base64.b64encode(DATA).decode(), **more: Any) -> dict[str, Any]:
    message = {"data": data, "messageId": "7", "message_id": "7", "publishTime": "2026-11-01T10:00:00Z", **more}
    return {"message": message, "subscription": "projects/p/subscriptions/s"}


def read(value: object) -> tuple[Message | Poison, ...]:
    return read_messages(json.dumps(value).encode())


def test_a_push_is_taken_apart() -> None:
    body = wrapped(attributes={"logging.googleapis.com/timestamp": "2026-11-01T09:59:59Z"}, orderingKey="k")
    (message,) = read(body | {"deliveryAttempt": 3})
    assert message == Message(
        DATA,
        {"logging.googleapis.com/timestamp": "2026-11-01T09:59:59Z"},
        "7",
        "2026-11-01T10:00:00Z",
        "k",
        3,
        "projects/p/subscriptions/s",
    )


@pytest.mark.parametrize(
    "body",
    [
        wrapped(),
        wrapped(attributes=None),
        {"message": wrapped()["message"]},
        wrapped()["message"],
        {"specversion": "1.0", "type": "google.cloud.pubsub.topic.v1.messagePublished", "data": wrapped()},
        ENTRY,
        wrapped(data=ENTRY),
        wrapped(data=base64.urlsafe_b64encode(DATA).decode()),
    ],
    ids=["push", "null-attributes", "no-subscription", "bare", "cloud-event", "unwrapped", "unpacked", "url-safe"],
)
def test_one_entry_in_any_wrapping(body: dict[str, Any]) -> None:
    (message,) = read(body)
    assert isinstance(message, Message)
    assert json.loads(message.data) == ENTRY


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([wrapped(), ENTRY]),
        json.dumps({"messages": [wrapped()["message"], wrapped()]}),
        json.dumps({"receivedMessages": [{"ackId": "a", **wrapped()}, {"ackId": "b", **wrapped()}]}),
        f"{json.dumps(ENTRY)}\n\n{json.dumps(wrapped())}\n",
    ],
    ids=["array", "messages", "pull", "ndjson"],
)
def test_a_batch(body: str) -> None:
    messages = read_messages(body.encode())
    assert [json.loads(message.data) for message in messages if isinstance(message, Message)] == [ENTRY, ENTRY]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (wrapped(data=""), "message.data"),
        (wrapped(data=None), "message.data"),
        (wrapped(data=5), "message.data"),
        (wrapped(data="not base64!"), "message.data"),
        ({"message": {"attributes": {"a": "b"}, "messageId": "7"}}, "message.data"),
        ({"message": "text"}, "message"),
        ({"hello": "world"}, "message"),
        (5, ""),
        ([], ""),
    ],
)
def test_poison_says_what_is_wrong_where(body: object, field: str) -> None:
    (poison,) = read(body)
    assert isinstance(poison, Poison)
    assert poison.field == field
    assert poison.reason


def test_poison_keeps_what_is_known_of_the_message() -> None:
    (poison,) = read(wrapped(data="", attributes={"a": "b"}))
    assert isinstance(poison, Poison)
    assert (poison.message.message_id, poison.message.attributes) == ("7", {"a": "b"})


def test_poison_costs_its_neighbours_nothing() -> None:
    kinds = [type(item) for item in read([wrapped(), wrapped(data="%"), 7, ENTRY])]
    assert kinds == [Message, Poison, Poison, Message]
    lines = read_messages(json.dumps(ENTRY).encode() + b"\n{broken\n" + json.dumps(ENTRY).encode())
    assert [type(item) for item in lines] == [Message, Poison, Message]


@pytest.mark.parametrize("body", [b"", b"   ", b"\xff\xfe", b"[" * 100_000, b"{}", b"null"])
def test_nothing_sensible(body: bytes) -> None:
    assert all(isinstance(item, Poison) for item in read_messages(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["message", "data", "messages", "x"]), inner),
    max_leaves=12,
)


@given(JSON)
def test_any_json_gives_messages(value: object) -> None:
    assert isinstance(read(value), tuple)


@given(st.binary())
def test_any_bytes_give_messages(body: bytes) -> None:
    assert read_messages(body)
