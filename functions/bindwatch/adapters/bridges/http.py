"""Calling what people use: JSON over HTTPS, patient with a moment's refusal, and silent about secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bindwatch import __version__
from bindwatch.adapters.bridges.wording import encoded
from bindwatch.errors import BackendError, InputError
from bindwatch.model.hostile_text import printable

if TYPE_CHECKING:
    from requests import Session

_MOMENTARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may take: seconds to connect and to answer, repetitions, and the longest pause before one.

    A pause that the receiver asks for (Retry-After) counts up to `longest_pause`; what takes longer is Pub/Sub's to
    wait for, since a call holds its messages.
    """

    connect: float = 5.0
    answer: float = 10.0
    repetitions: int = 2
    first_pause: float = 0.5
    longest_pause: int = 15


class Receiver:
    """One destination, called by name: problems say the name and never an address or a header, which are secret."""

    def __init__(self, name: str, secret: str, patience: Patience = Patience()) -> None:
        self.name: Final = name
        self._secret: Final = secret
        self._patience: Final = patience
        self._session: Session | None = None

    def send(
        self, method: str, url: str, body: Any = None, *, headers: Mapping[str, str] | None = None, params: Any = None
    ) -> Any:
        """Send JSON (bytes as they are) and give the JSON that was answered, None where it was none.

        Raises InputError where the receiver will not have this, ever; BackendError where it may later.
        """
        import requests

        session = self._session = self._session or self._new_session()
        data = body if isinstance(body, bytes) or body is None else encoded(body)
        try:
            answer = session.request(
                method,
                url,
                params=params,
                data=data,
                headers=dict(headers or {}),
                timeout=(self._patience.connect, self._patience.answer),
                allow_redirects=False,  # what is sent is for this address alone
            )
        except requests.RequestException as error:
            # The text of such an error holds the address.
            raise BackendError(f"destination {self.name}: no answer ({type(error).__name__})") from None
        if answer.ok and not answer.is_redirect:
            return _json(answer)
        said = f"answered {answer.status_code}: {self._shown(answer.text)}"
        if answer.status_code in _MOMENTARY:
            raise BackendError(f"destination {self.name}: {said}")
        raise InputError(f"destination {self.name}", said)

    def _shown(self, text: str) -> str:
        """The beginning of an answer, without what opens the destination, should it be echoed."""
        if self._secret:
            text = text.replace(self._secret, "…")
        return printable(" ".join(text[:_LONGEST_REASON].split())) or "nothing more"

    def _new_session(self) -> "Session":
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3 import Retry

        patience = self._patience
        retry = Retry(
            total=patience.repetitions,
            allowed_methods=None,  # all: each destination tells a repetition, or shows it twice at worst
            status_forcelist=_MOMENTARY,
            backoff_factor=patience.first_pause,
            backoff_max=patience.longest_pause,
            retry_after_max=patience.longest_pause,
            raise_on_status=False,
        )
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        session.headers.update({"Content-Type": "application/json", "User-Agent": f"bindwatch/{__version__}"})
        return session


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
