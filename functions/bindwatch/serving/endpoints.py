"""The entry points of the functions as HTTP sees them. What is answered decides whether the platform tries again.

204 or 200: done, or no retry could help. 503: a service refused, try again. 500: a bug of ours; Pub/Sub tries again
and, after some attempts, puts the message with its own dead letters.
"""

import atexit
import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from bindwatch import __version__
from bindwatch.errors import BackendError, BindwatchError, ConfigError, InputError
from bindwatch.serving.log_lines import Log
from bindwatch.settings import Settings, is_scope

if TYPE_CHECKING:
    from bindwatch.engine import Verdict
    from bindwatch.model.log_entry import LogEntry
    from bindwatch.serving.ingest import Ingest
    from bindwatch.serving.notify import Notifier
    from bindwatch.serving.runs import Parts

Answer: TypeAlias = tuple[str, int, dict[str, str]]
T = TypeVar("T")


class Request(Protocol):
    """The part of flask.Request that is used."""

    method: str
    headers: Mapping[str, str]

    def get_data(self) -> bytes:
        """The body."""


class _Once:
    """Makes each part of an instance once, by whichever request comes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[Any, Any] = {}

    def get(self, make: Callable[[Settings], T], settings: Settings) -> T:
        key = (make, settings)
        if key not in self._made:
            with self._lock:
                if key not in self._made:
                    self._made[key] = make(settings)
        made: T = self._made[key]
        return made


_ONCE = _Once()


def on_log_entry(request: Request, settings: Settings) -> Answer:
    """Judge the messages of a request. A single one is answered with 204, a batch with what became of it."""
    log = Log(settings.project, settings.log_severity).of_request(request.headers)
    if request.method == "GET":
        return _json({"name": "bindwatch", "version": __version__})

    def answer() -> Answer:
        from bindwatch.adapters.push import read_messages

        ingest = _ONCE.get(_make_ingest, settings)
        messages = read_messages(request.get_data())
        taken = ingest.take(messages, log)
        ingest.counters.report(log)
        if len(messages) == 1:
            return "", 204, {}
        return _json({"entries": taken.entries, "findings": taken.findings, "dead_letters": taken.dead_letters})

    return _guarded(answer, log)


def audit(request: Request, settings: Settings) -> Answer:
    """Audit the scope of the settings, or one within it that the request names: `{"scope": "folders/2"}`.

    200: the audit is finished. 503: shards are left; call again, and the same audit goes on.
    """
    log = Log(settings.project, settings.log_severity).of_request(request.headers)

    def answer() -> Answer:
        from bindwatch.serving.runs import run_audit

        result = run_audit(settings, _scope_of(request, settings), log, parts=_ONCE.get(_make_parts, settings))
        summary = {
            "run_id": result.run_id,
            "scope": result.scope,
            "baseline": result.baseline,
            "left": result.left,
            **result.changes,
            "not_read": result.not_read,
            "failures": result.failures,
        }
        log.info("audited", **{key: value for key, value in summary.items() if key != "not_read"})
        return _json(summary, 200 if result.is_finished else 503)

    return _guarded(answer, log)


def sweep(request: Request, settings: Settings) -> Answer:
    """Run the window rules, and announce what is due."""
    log = Log(settings.project, settings.log_severity).of_request(request.headers)

    def answer() -> Answer:
        from bindwatch.serving.runs import run_sweep

        summary = run_sweep(settings, _ONCE.get(_make_parts, settings), log)
        log.info("swept", **summary)
        return _json(summary)

    return _guarded(answer, log)


def _make_parts(settings: Settings) -> "Parts":
    from bindwatch.serving.runs import Parts

    return Parts.of(settings)


def _scope_of(request: Request, settings: Settings) -> str:
    body = request.get_data().strip()
    asked = ""
    if body:
        try:
            value = json.loads(body)
        except ValueError as error:
            raise InputError("", f"not JSON: {error}") from error
        asked = value.get("scope", "") if isinstance(value, dict) else ""
    scope = asked or settings.scope
    if not isinstance(scope, str) or not is_scope(scope):
        raise ConfigError(["BINDWATCH_SCOPE: set it, or post a scope: organizations/1, folders/2 or projects/p"])
    return scope


def notify(request: Request, settings: Settings) -> Answer:
    """Tell people of the alerts in a request. A single one is answered with 204, a batch with what became of it.

    503: a destination is to be tried again; what the others were told is remembered.
    """
    log = Log(settings.project, settings.log_severity).of_request(request.headers)

    def answer() -> Answer:
        from bindwatch.adapters.push import read_messages

        messages = read_messages(request.get_data())
        told = _ONCE.get(_make_notifier, settings).take(messages, log)
        log.info("notified", told=told.told, refused=told.refused, unrouted=told.unrouted)
        if len(messages) == 1:
            return "", 204, {}
        return _json(
            {
                "told": told.told,
                "refused": told.refused,
                "unrouted": told.unrouted,
                "dead_letters": told.dead_letters,
            }
        )

    return _guarded(answer, log)


def _make_notifier(settings: Settings) -> "Notifier":
    from bindwatch.serving.wiring import make_notifier

    return make_notifier(settings)


def hunt(request: Request, settings: Settings) -> Answer:
    """Judge rows of logs for a query in BigQuery. A request that is none of its own ends the query, with the reason."""
    log = Log(settings.project, settings.log_severity).of_request(request.headers)

    def answer() -> Answer:
        from bindwatch.serving.hunt import replies_to

        judge = _ONCE.get(_make_judge, settings)
        try:
            return _json(replies_to(request.get_data(), judge))
        except InputError as error:
            return _json({"errorMessage": str(error)}, 400)

    return _guarded(answer, log)


def _make_judge(settings: Settings) -> "Callable[[LogEntry], Verdict]":
    from bindwatch.serving.wiring import make_engine

    engine = make_engine(settings)
    one_at_a_time = threading.Lock()

    def judge(entry: "LogEntry") -> "Verdict":
        with one_at_a_time:
            return engine.judge_entry(entry)

    return judge


def _make_ingest(settings: Settings) -> "Ingest":
    from bindwatch.serving.audit import kept_catalogue
    from bindwatch.serving.ingest import Ingest
    from bindwatch.serving.wiring import make_engine, open_alerts, open_dead_letters, open_store

    store = open_store(settings)
    engine = make_engine(settings, catalogue=kept_catalogue(store))
    ingest = Ingest(engine, store, open_alerts(settings), open_dead_letters(settings))
    log = Log(settings.project, settings.log_severity)
    atexit.register(lambda: ingest.counters.report(log, now=True))
    return ingest


def _guarded(answer: Callable[[], Answer], log: Log) -> Answer:
    try:
        return answer()
    except BackendError as error:
        log.warning("a service refused; the request is to be repeated", error=str(error))
        return _problem(str(error), 503)
    except BindwatchError as error:
        log.error("the request cannot be served", error)
        return _problem(str(error), 500)
    except Exception as error:  # whatever it was: nothing was acknowledged, and the answer shows nothing of the request
        log.error(f"unexpected {type(error).__name__}", error)
        return _problem("unexpected error; the log says more", 500)


def _json(value: object, status: int = 200) -> Answer:
    return json.dumps(value, ensure_ascii=True) + "\n", status, {"Content-Type": "application/json"}


def _problem(text: str, status: int) -> Answer:
    return _json({"error": text}, status)
