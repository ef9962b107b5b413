"""The canary: an entry of our own, sent the way entries come. That it comes back shows that the way is open."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from bindwatch.pipeline.ports import EntryTopic, FindingStore, Table
from bindwatch.pipeline.rows import RunRow

METHOD: Final = "bindwatch.canary"
"""What a canary says it did; no method of Google's is named so."""
EVERY: Final = timedelta(minutes=15)


class Canary:
    """Sends a canary every quarter of an hour, and once when an instance starts.

    That one is on its way stands in the store before it is sent: one that cannot even be sent is missed like one that
    was lost. `rules/windows/ourselves.py` asks which did not come back.
    """

    def __init__(self, store: FindingStore, entries: EntryTopic) -> None:
        self._store = store
        self._entries = entries
        self._sent: datetime | None = None

    def send_if_due(self, now: datetime) -> str:
        """Send one where it is time; its id, '' where it is not. Raises BackendError where it was not taken.

        Two that are sent in the same minute are the same.
        """
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        if self._sent is not None and minute - self._sent < EVERY:
            return ""
        self._sent = minute
        name = f"canary-{minute:%Y%m%dT%H%M}Z"
        run = RunRow(run_id=name, kind="canary", scope=self._entries.name, as_of=minute)
        self._store.append({Table.RUNS: [run.row("sent", recorded_at=now)]})
        self._entries.publish(canary_entry(name, minute, self._entries.project))
        return name


def canary_entry(name: str, moment: datetime, project: str) -> bytes:
    """A log entry that no rule finds anything in, and that is no Google's."""
    entry = {
        "logName": f"projects/{project}/logs/bindwatch-canary",
        "insertId": name,
        "timestamp": moment.isoformat().replace("+00:00", "Z"),
        "severity": "INFO",
        "resource": {"type": "global", "labels": {"project_id": project}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "bindwatch",
            "methodName": METHOD,
            "resourceName": f"projects/{project}",
            "authenticationInfo": {"principalEmail": "canary@bindwatch.invalid"},
        },
    }
    return json.dumps(entry, separators=(",", ":")).encode()
