"""What the commands on alerts and dead letters share: places of messages, and reading a subscription."""

import base64
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from bindwatch.adapters.google_apis import LOG_IN
from bindwatch.errors import BackendError, InputError
from bindwatch.settings import File, Topic, read_outlet

_PAGE: Final = 100
_SUBSCRIPTION: Final = re.compile(r"projects/[^/]+/subscriptions/[^/]+")


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
        if not _SUBSCRIPTION.fullmatch(name):
            raise InputError(name, "expected projects/PROJECT/subscriptions/SUBSCRIPTION, or file:PATH")
        if client is None:
            from google.auth.exceptions import GoogleAuthError
            from google.pubsub_v1 import SubscriberClient

            try:
                client = SubscriberClient()
            except GoogleAuthError as error:
                raise BackendError(f"no credentials for Pub/Sub: {error} {LOG_IN}") from error
        self._name = name
        self._client = client

    def messages(self, *, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Messages with what acknowledges them, until none has come for so many seconds.

        Each once, and only those that were there already: what is published in the meantime, perhaps because of these,
        stays for the next time.
        """
        began = time.time()
        seen: set[str] = set()
        later: list[str] = []  # held until the end: given back at once they would come before those that are waiting
        try:
            quiet_since = time.monotonic()
            while time.monotonic() - quiet_since < seconds:
                for item in self._pull(seconds):
                    message = item.message
                    if message.message_id in seen or message.publish_time.timestamp() > began:
                        later.append(item.ack_id)
                        continue
                    seen.add(message.message_id)
                    yield (
                        item.ack_id,
                        {
                            "data": base64.b64encode(message.data).decode("ascii"),
                            "attributes": dict(message.attributes),
                            "messageId": message.message_id,
                        },
                    )
                    quiet_since = time.monotonic()  # what the reader does with one is not waiting
        finally:
            self.release(later)

    def _pull(self, seconds: float) -> Sequence[Any]:
        from google.api_core import exceptions

        request = {"subscription": self._name, "max_messages": _PAGE}
        with self._translated():
            try:
                answer = self._client.pull(request=request, timeout=max(1.0, seconds))
            except exceptions.DeadlineExceeded:
                return ()
        return list(answer.received_messages)

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Let go of these messages for good."""
        for chunk in _chunks(ack_ids):
            with self._translated():
                self._client.acknowledge(request={"subscription": self._name, "ack_ids": chunk})

    def release(self, ack_ids: Sequence[str]) -> None:
        """Give these messages back: whoever pulls next gets them, without waiting for a deadline."""
        for chunk in _chunks(ack_ids):
            request = {"subscription": self._name, "ack_ids": chunk, "ack_deadline_seconds": 0}
            with self._translated():
                self._client.modify_ack_deadline(request=request)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from google.api_core import exceptions

        try:
            yield
        except exceptions.PermissionDenied as error:
            raise BackendError(f"{self._name}: {error.message}. It takes roles/pubsub.subscriber") from error
        except exceptions.GoogleAPIError as error:
            raise BackendError(f"{self._name}: {getattr(error, 'message', error)}") from error


def _chunks(ack_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ack_ids), 1000):
        yield ack_ids[start : start + 1000]
