"""What Pub/Sub pushes, and what else may be posted in its place: taken apart into messages, and never refused.

Taken are the wrapped body of a push subscription, an unwrapped one (the entry itself), the CloudEvent that a trigger
makes of it, and batches: an answer to a pull (`receivedMessages`), `messages`, a JSON array, NDJSON. A part that
cannot be read is Poison with its field and reason, so that its neighbours go on.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

_ENTRY_FIELDS: Final = frozenset({"logName", "protoPayload", "insertId", "jsonPayload", "textPayload"})
_WRAPPED: Final = ("message", "data", "attributes", "messageId", "message_id")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its data, still to be judged, and what Pub/Sub says of it."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    message_id: str = ""
    publish_time: str = ""
    ordering_key: str = ""
    delivery_attempt: int = 0
    subscription: str = ""


@dataclass(frozen=True, slots=True)
class Poison:
    """A message that no retry can help, with the field that is wrong and what is wrong there."""

    message: Message
    field: str
    reason: str


class _Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    data: str
    message_id: str = ""
    publish_time: str = ""
    ordering_key: str = ""
    attributes: dict[str, str] = {}


class _Push(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    message: _Wire
    subscription: str = ""
    delivery_attempt: int = 0


_decode_push = msgspec.json.Decoder(_Push).decode
_decode = msgspec.json.Decoder().decode


def read_messages(body: bytes) -> tuple[Message | Poison, ...]:
    """The messages of a request body, in their order; at least one."""
    try:
        push = _decode_push(body)
        wire = push.message
        if wire.data:
            data = binascii.a2b_base64(wire.data, strict_mode=True)
            message = Message(
                data,
                wire.attributes,
                wire.message_id,
                wire.publish_time,
                wire.ordering_key,
                push.delivery_attempt,
                push.subscription,
            )
            return (message,)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        pass
    return tuple(_any_form(body))


def _any_form(body: bytes) -> Iterator[Message | Poison]:
    text = body.strip()
    if not text:
        yield Poison(Message(b""), "", "the request has no body")
        return
    try:
        value = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].startswith(b"{"):
            for line in lines:
                yield from _line(line)
        else:
            yield Poison(Message(body), "", f"not JSON: {error}")
        return
    yield from _value(value, text)


def _line(line: bytes) -> Iterator[Message | Poison]:
    try:
        value = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield Poison(Message(line), "", f"not JSON: {error}")
        return
    yield from _value(value, line)


def _value(value: Any, text: bytes) -> Iterator[Message | Poison]:
    if isinstance(value, list):
        if not value:
            yield Poison(Message(text), "", "the list is empty")
        for item in value:
            yield from _value(item, msgspec.json.encode(item))
        return
    if not isinstance(value, dict):
        yield Poison(Message(text), "", f"expected a JSON object, found {_kind(value)}")
        return
    for name in ("receivedMessages", "messages"):
        if isinstance(value.get(name), list):
            for item in value[name]:
                yield from _value(item, msgspec.json.encode(item))
            return
    if "message" in value:
        yield _wrapped(value["message"], value, text)
    elif not _ENTRY_FIELDS.isdisjoint(value):
        yield Message(text)
    elif isinstance(data := value.get("data"), dict) and "message" in data:
        yield from _value(data, text)
    elif any(name in value for name in _WRAPPED):
        yield _wrapped(value, value, text)
    else:
        yield Poison(Message(text), "message", "missing: neither a Pub/Sub message nor a log entry")


def _wrapped(wire: Any, around: Mapping[str, Any], text: bytes) -> Message | Poison:
    if not isinstance(wire, dict):
        return Poison(Message(text), "message", f"expected an object, found {_kind(wire)}")
    attributes = wire.get("attributes")
    about = Message(
        b"",
        {str(key): str(item) for key, item in attributes.items()} if isinstance(attributes, dict) else {},
        _text(wire.get("messageId") or wire.get("message_id")),
        _text(wire.get("publishTime") or wire.get("publish_time")),
        _text(wire.get("orderingKey") or wire.get("ordering_key")),
        attempt if isinstance(attempt := around.get("deliveryAttempt"), int) else 0,
        _text(around.get("subscription")),
    )
    data = wire.get("data")
    if data is None or data == "":
        return Poison(about, "message.data", "missing" if data is None else "empty")
    if not isinstance(data, str):
        # A proxy that unpacked the payload leaves the entry itself.
        if isinstance(data, dict) and not _ENTRY_FIELDS.isdisjoint(data):
            return _with(about, msgspec.json.encode(data))
        return Poison(_with(about, msgspec.json.encode(data)), "message.data", f"expected base64, found {_kind(data)}")
    try:
        alphabet = b"-_" if "-" in data or "_" in data else None
        return _with(about, base64.b64decode(data, altchars=alphabet, validate=True))
    except (binascii.Error, ValueError) as error:
        return Poison(_with(about, data.encode("utf-8", "replace")), "message.data", f"not base64: {error}")


def _with(about: Message, data: bytes) -> Message:
    return Message(
        data,
        about.attributes,
        about.message_id,
        about.publish_time,
        about.ordering_key,
        about.delivery_attempt,
        about.subscription,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )
