"""Reading from Google's APIs: every call declared with what it needs, paced, patient, and honest when refused.

A source names each method it uses as a `Call`; nothing else can be asked. `bindwatch permissions` prints those
declarations, so what an identity needs and what the code does cannot drift apart.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, Final

from bindwatch.errors import BackendError
from bindwatch.inventory import DENIED

_LONGEST_REASON: Final = 300
LOG_IN: Final = "Try: gcloud auth application-default login"


@dataclass(frozen=True, slots=True)
class Call:
    """One API method, what it needs and how often it may be asked.

    `client` is the client's class as `module:Class`. `permissions` must be held on the `level` it is asked of; `role`
    is the narrowest predefined role that holds them. `per_minute` is Google's quota, of which at most half is used.
    """

    service: str
    client: str
    method: str
    permissions: tuple[str, ...]
    role: str
    level: str
    per_minute: int

    def __str__(self) -> str:
        return f"{self.service} {self.method}"


class Refusal(StrEnum):
    """Why a call was refused, as far as it decides what to try next."""

    DENIED = "denied"
    NOT_ENABLED = "not enabled"
    NOT_FOUND = "not found"
    INVALID = "invalid"
    QUOTA = "quota"
    OTHER = "other"


class NotReadError(BackendError):
    """A read that was refused for good, with the reason as a person needs it. What it would have shown is unknown."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.refusal = refusal
        self.reason = reason


class Pace:
    """Keeps calls of one method below their quota: waits, where it must, before the next."""

    def __init__(
        self,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second = per_minute / 60
        self._burst = max(1.0, per_minute / 6)
        self._tokens = self._burst
        self._clock = clock
        self._sleep = sleep
        self._at = clock()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next call may go."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
            self._at = now
            self._tokens -= 1
            pause = -self._tokens / self._per_second if self._tokens < 0 else 0.0
        if pause:
            self._sleep(pause)


class GoogleApis:
    """The clients of Google's APIs, each made when it is first asked, and asked with patience.

    `credentials` are others than the application's default ones (see `credentials_as`).
    `target` is a server without TLS that stands in for all of them; `share` the part of each quota that is used, None
    for no pacing; `patience` how many seconds a call is repeated that was refused for haste (429) or a moment (503).
    """

    def __init__(
        self,
        *,
        target: str = "",
        share: float | None = 0.5,
        patience: float = 300.0,
        first_pause: float = 1.0,
        credentials: Any = None,
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._share = share
        self._patience = patience
        self._first_pause = first_pause
        self._channel: Any = None
        self._clients: dict[str, Any] = {}
        self._paces: dict[Call, Pace] = {}
        self._lock = threading.Lock()

    def items(self, call: Call, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The items of a list, over all its pages, as the REST API spells them. Raises NotReadError."""
        for page in self._pages(call, request):
            for item in page:
                yield as_json(item)

    def get(self, call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
        """One answer, as the REST API spells it. Raises NotReadError."""
        return as_json(self._ask(call, request))

    def _pages(self, call: Call, request: Mapping[str, Any]) -> Iterator[Any]:
        answer = self._ask(call, request)
        pages = iter(answer.pages)
        field = _repeated_field(answer)
        while True:
            page = self._patiently(call, lambda: next(pages, None))
            if page is None:
                return
            yield getattr(page, field)
            if not page.next_page_token:
                return
            self._pace(call).wait()

    def _ask(self, call: Call, request: Mapping[str, Any]) -> Any:
        method = getattr(self._client(call.client), call.method)
        self._pace(call).wait()
        return self._patiently(call, lambda: method(request=dict(request), retry=self._retry(), timeout=60.0))

    def _patiently(self, call: Call, ask: Callable[[], Any]) -> Any:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError

        try:
            return ask()
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
            raise NotReadError(*_reason(call, error)) from error
        except GoogleAuthError as error:
            raise BackendError(f"no credentials for Google Cloud: {error}. {LOG_IN}") from error

    def _retry(self) -> Any:
        from google.api_core import exceptions
        from google.api_core.retry import Retry, if_exception_type

        haste = if_exception_type(
            exceptions.ResourceExhausted, exceptions.TooManyRequests, exceptions.ServiceUnavailable,
            exceptions.InternalServerError, exceptions.Aborted,
        )  # fmt: skip
        return Retry(haste, initial=self._first_pause, maximum=32.0, multiplier=2.0, timeout=self._patience)

    def _pace(self, call: Call) -> Pace:
        with self._lock:
            if call not in self._paces:
                limit = 1e9 if self._share is None else max(1.0, call.per_minute * self._share)
                self._paces[call] = Pace(limit)
            return self._paces[call]

    def _client(self, path: str) -> Any:
        from google.auth.exceptions import GoogleAuthError

        with self._lock:
            if path not in self._clients:
                module, _, name = path.partition(":")
                client = getattr(import_module(module), name)
                try:
                    self._clients[path] = self._made(client)
                except GoogleAuthError as error:
                    raise BackendError(f"no credentials for Google Cloud: {error}. {LOG_IN}") from error
            return self._clients[path]

    def _made(self, client: Any) -> Any:
        if not self._target:
            return client(credentials=self._credentials) if self._credentials is not None else client()
        import grpc

        self._channel = self._channel or grpc.insecure_channel(self._target)
        return client(transport=client.get_transport_class("grpc")(channel=self._channel))


def credentials_as(account: str = "") -> Any:
    """The application's default credentials, or with an e-mail those of an account it may mint tokens of.

    Raises BackendError where there are none.
    """
    import google.auth
    from google.auth import impersonated_credentials
    from google.auth.exceptions import GoogleAuthError

    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    try:
        source, _ = google.auth.default(scopes=scopes)
    except GoogleAuthError as error:
        raise BackendError(f"no credentials for Google Cloud: {error}. {LOG_IN}") from error
    if not account:
        return source
    return impersonated_credentials.Credentials(source, account, scopes, lifetime=3600)  # type: ignore[no-untyped-call]


def access_token(credentials: Any) -> str:
    """A fresh token of some credentials. Raises BackendError where none is given."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials.refresh(Request())
    except GoogleAuthError as error:
        raise BackendError(f"no token for Google Cloud: {error}. {LOG_IN}") from error
    return str(credentials.token)


def as_json(message: Any) -> dict[str, Any]:
    """A message in the form of the REST API: camelCase, enums by name, int64 as text, empty fields left out."""
    from google.protobuf.json_format import MessageToDict

    raw = message if hasattr(message, "DESCRIPTOR") else type(message).pb(message)
    result: dict[str, Any] = MessageToDict(raw)
    return result


def _repeated_field(pager: Any) -> str:
    """The field of a page that holds its items."""
    page = type(pager._response)
    fields = page.pb(page()).DESCRIPTOR.fields
    return next(str(field.name) for field in fields if field.is_repeated and field.message_type is not None)


def _reason(call: Call, error: Any) -> tuple[Refusal, str]:
    """Why a call was refused, and what would help."""
    from google.api_core import exceptions

    cause = getattr(error, "cause", None) or error
    text = str(getattr(cause, "message", "") or cause).split("\n")[0][:_LONGEST_REASON]
    match cause:
        case exceptions.Forbidden() if "SERVICE_DISABLED" in str(cause) or "has not been used" in text:
            return Refusal.NOT_ENABLED, f"the API {call.service} is not enabled: {text}"
        case exceptions.Forbidden():
            needs = f"needs {', '.join(call.permissions)} ({call.role}) on the {call.level}"
            return Refusal.DENIED, f"{DENIED}: {needs}"
        case exceptions.NotFound():
            return Refusal.NOT_FOUND, f"not found: {text}"
        case exceptions.TooManyRequests():
            return Refusal.QUOTA, f"the quota of {call.service} was used up: {text}"
        case exceptions.BadRequest():
            return Refusal.INVALID, f"{call} refused the request: {text}"
        case exceptions.Unauthenticated():
            return Refusal.OTHER, f"the credentials were refused: {text}. {LOG_IN}"
        case _:
            return Refusal.OTHER, f"{call}: {type(cause).__name__}: {text}"
