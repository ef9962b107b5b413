"""Alerts and dead letters as lines of a local file, for a machine without Pub/Sub."""

import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bindwatch.errors import BackendError
from bindwatch.pipeline import AlertMessage, Published


class FileAlerts:
    """Appends each alert as one JSON line: its attributes and its data, as a subscriber of the topic would see them."""

    def __init__(self, path: str) -> None:
        self._path = path

    def publish(self, messages: Sequence[AlertMessage]) -> Sequence[Published]:
        """Append these, and return once they are on disk."""
        lines = [
            {
                "message_id": message.alert_id,
                "ordering_key": message.ordering_key,
                "attributes": dict(message.attributes),
                "data": json.loads(message.data),
            }
            for message in messages
        ]
        try:
            _append(self._path, lines)
        except BackendError as error:
            return [Published(error=str(error)) for _ in messages]
        return [Published(message_id=message.alert_id) for message in messages]


class FileDeadLetters:
    """Appends each dead letter as one JSON line in the form of a Pub/Sub push, to be posted again as it is."""

    def __init__(self, path: str) -> None:
        self._path = path

    def publish(self, body: bytes, *, reason: str, field: str, attributes: Mapping[str, str]) -> None:
        """Append one message, and return once it is on disk."""
        data = base64.b64encode(body).decode("ascii")
        marked = {**attributes, "reason": reason, "field": field}
        _append(self._path, [{"message": {"data": data, "attributes": marked}}])


def _append(path: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append whole lines in one write, so that those of two processes do not run into each other."""
    text = "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines).encode()
    try:
        with Path(path).open("ab", buffering=0) as file:
            # A crash of the machine may have left half a line: what follows must not be lost with it.
            file.write(text if _ends_whole(path) else b"\n" + text)
            os.fsync(file.fileno())
    except OSError as error:
        raise BackendError(f"{path} cannot be written: {error.strerror}") from error


def _ends_whole(path: str) -> bool:
    with Path(path).open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
