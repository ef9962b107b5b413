"""What the commands on alerts and dead letters share: places of messages, and reading a subscription."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from bindwatch.errors import BackendError, InputError
from bindwatch.settings import File, Topic, read_outlet

_PAGE: Final = 100


def outlet(text: str) -> Topic | File:
    """`projects/PROJECT/topics/TOPIC` or `file:PATH`. Raises BadParameter."""
    try:
        return read_outlet(text if text.startswith(("projects/", "file:")) else f"file:{text}")
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def lines_of(path: str) -> list[dict[str, Any]]:
    """The messages of a file of ours. Raises InputError where it is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}:{number}", f"not JSON: {error}") from error
        found.append(value)
    return found


class Subscription:
    """A pull subscription (`projects/P/subscriptions/S`)."""

    def __init__(self, name: str, client: Any = None) -> None:
        if client is None:
            from google.pubsub_v1 import SubscriberClient

            client = SubscriberClient()
        self._name = name
        self._client = client

    def messages(self, *, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Messages with what acknowledges them, until none has come for so many seconds."""
        from google.api_core import exceptions

        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < seconds:
            try:
                request = {"subscription": self._name, "max_messages": _PAGE}
                answer = self._client.pull(request=request, timeout=max(1.0, seconds))
            except exceptions.DeadlineExceeded:
                continue
            except exceptions.GoogleAPICallError as error:
                raise BackendError(f"{self._name}: {error.message}; it takes roles/pubsub.subscriber") from error
            for item in answer.received_messages:
                quiet_since = time.monotonic()
                message = item.message
                yield (
                    item.ack_id,
                    {
                        "data": base64.b64encode(message.data).decode("ascii"),
                        "attributes": dict(message.attributes),
                        "messageId": message.message_id,
                    },
                )

    def acknowledge(self, ack_ids: list[str]) -> None:
        """Let go of these messages."""
        for start in range(0, len(ack_ids), 1000):
            chunk = ack_ids[start : start + 1000]
            self._client.acknowledge(request={"subscription": self._name, "ack_ids": chunk})
