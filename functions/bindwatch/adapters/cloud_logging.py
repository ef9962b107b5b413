"""Cloud Logging, live: entries of the past as the API emits them, and the sinks of a scope.

Entries are read over REST, not gRPC: an AuditLog carries messages of every service in it, and only REST gives them as
the JSON that sinks and `gcloud logging read` give.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bindwatch.adapters.google_apis import Call, GoogleApis, NotReadError, Pace, Refusal, credentials_as
from bindwatch.adapters.live import read_list
from bindwatch.errors import BackendError
from bindwatch.inventory import Hint, InventoryBuilder, Part
from bindwatch.model.resource import canonical

_LOGGING: Final = "logging.googleapis.com"
LIST_SINKS: Final = Call(
    _LOGGING,
    "google.cloud.logging_v2.services.config_service_v2:ConfigServiceV2Client",
    "list_sinks",
    ("logging.sinks.list",),
    "roles/logging.viewer",
    "organization, folder or project",
    600,
)
LIST_ENTRIES: Final = Call(
    _LOGGING,
    "",
    "entries.list",
    ("logging.logEntries.list", "logging.privateLogEntries.list"),
    "roles/logging.privateLogViewer",
    "organization, folder or project",
    60,
)
CALLS: Final = (LIST_SINKS, LIST_ENTRIES)

_AUDIT_LOGS: Final = 'log_id("cloudaudit.googleapis.com/activity") OR log_id("cloudaudit.googleapis.com/data_access")'
_TRIES: Final = 8
_LONGEST_PAUSE: Final = 32.0


def read_sinks(apis: GoogleApis, builder: InventoryBuilder, container: str) -> bool:
    """Read the log sinks of `organizations/1`, `folders/2` or `projects/p`."""
    hint = Hint(resource=canonical(container))
    return read_list(apis, LIST_SINKS, {"parent": container, "page_size": 100}, builder, Part.LOG_SINKS, hint)


Post = Callable[[str, Mapping[str, Any]], tuple[int, bytes]]
"""Posts JSON to a path of the API; gives status and body."""


def authorized_post(endpoint: str = f"https://{_LOGGING}", credentials: Any = None) -> Post:
    """Posts with credentials, the application's default ones where none are given. Raises BackendError without any."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import AuthorizedSession

    session: Any = AuthorizedSession(credentials or credentials_as())  # type: ignore[no-untyped-call]

    def post(path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        try:
            answer = session.post(endpoint + path, json=body, timeout=60)
        except (OSError, GoogleAuthError) as error:
            raise BackendError(f"{_LOGGING} could not be asked: {error}") from error
        return answer.status_code, answer.content

    return post


def entries_filter(since: str, until: str, more: str = "") -> str:
    """The filter for audit log entries from `since` (included) to `until` (not), as RFC 3339 writes times."""
    parts = [f"({more})" if more else f"({_AUDIT_LOGS})", f'timestamp >= "{since}"', f'timestamp < "{until}"']
    return " AND ".join(parts)


def read_entries(
    post: Post,
    scopes: Sequence[str],
    filter_text: str,
    *,
    page_size: int = 1000,
    pace: Pace | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[dict[str, Any]]]:
    """The entries of some scopes, oldest first, page by page; a page may be empty and not be the last.

    Waits where it is too hasty; raises NotReadError where it may not read.
    """
    pace = pace or Pace(LIST_ENTRIES.per_minute / 2)
    token = ""
    while True:
        body: dict[str, Any] = {
            "resourceNames": list(scopes),
            "filter": filter_text,
            "orderBy": "timestamp asc",
            "pageSize": page_size,
        }
        if token:
            body["pageToken"] = token
        pace.wait()
        answer = _patiently(post, body, sleep)
        yield answer.get("entries", [])
        token = answer.get("nextPageToken", "")
        if not token:
            return


def _patiently(post: Post, body: Mapping[str, Any], sleep: Callable[[float], None]) -> dict[str, Any]:
    pause = 1.0
    status, content = 0, b""
    for _ in range(_TRIES):
        status, content = post("/v2/entries:list", body)
        if status not in (429, 500, 502, 503, 504):
            break
        sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    try:
        answer = json.loads(content)
    except ValueError:
        answer = {}
    if status == 200 and isinstance(answer, dict):
        return answer
    error = answer.get("error") if isinstance(answer, dict) else None
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    needs = f"needs {', '.join(LIST_ENTRIES.permissions)} ({LIST_ENTRIES.role}) on the {LIST_ENTRIES.level}"
    match status:
        case 403:
            raise NotReadError(Refusal.DENIED, f"permission denied: {needs}. {message}")
        case 429:
            raise NotReadError(Refusal.QUOTA, f"the quota of {_LOGGING} was used up: {message}")
        case 400:
            raise NotReadError(Refusal.INVALID, f"{_LOGGING} refused the request: {message}")
        case _:
            raise NotReadError(Refusal.OTHER, f"{_LOGGING} answered {status}: {message}")
