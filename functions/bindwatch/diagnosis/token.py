"""What a JSON web token says, and whether it is one that a workload can exchange: decoded, never verified here.

Nothing of the token itself is kept but its claims that name things and times; no text of an error holds any of it.
Sources: GKE and Kubernetes documentation on service account tokens; RFC 7519.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from bindwatch.errors import InputError
from bindwatch.model.document import Document

_GKE_ISSUER: Final = re.compile(
    r"https://container\.googleapis\.com/v1/projects/([^/]+)/(?:locations|zones)/([^/]+)/clusters/([^/]+)"
)
_SUBJECT: Final = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_PROVIDER: Final = re.compile(
    r"(?:https:)?//iam\.googleapis\.com/(projects/\d+/locations/global/workloadIdentityPools/[^/]+/providers/[^/]+)"
)
_POOL: Final = re.compile(r"(?:identitynamespace:)?([a-z0-9:.-]+\.(?:svc|hub)\.id\.goog)(?::.*)?")
_API_SERVER: Final = re.compile(
    r"https://kubernetes\.default(?:\.svc)?|https://container\.googleapis\.com/|https://gke\."
)
_SKEW: Final = timedelta(seconds=60)
_LATE: Final = timedelta(minutes=20)
"""How long after its time of renewal a token may reasonably stand unrenewed: the kubelet looks every few minutes."""
_LONGEST: Final = 64 * 1024


class Verdict(StrEnum):
    """How a claim is judged."""

    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing a token says: its name, its value in words, and what that means."""

    name: str
    value: str
    verdict: Verdict
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token should say, as far as it is known; '' and None are not looked at."""

    pool: str = ""
    namespace: str = ""
    service_account: str = ""
    cluster: str = ""
    file_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenReport:
    """The claims of a token with their judgement, and what it is good for."""

    kind: str
    claims: tuple[Claim, ...]
    causes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing about it is wrong."""
        return all(claim.verdict is not Verdict.BAD for claim in self.claims)


def read_token(text: str, expected: Expected, as_of: datetime) -> TokenReport:
    """Decode and judge a token. Raises InputError, which holds nothing of the text, where it is no JWT."""
    header, payload = decode(text)
    return _Judge(Document(header), payload, expected, as_of).report()


def bare(text: str) -> str:
    """The token in what people have at hand: a header line, a quoted word, the answer of a token endpoint."""
    token = text.strip()
    if token.startswith("{") and len(token) <= 2 * _LONGEST:
        token = _in_answer(token)
    for prefix in ("authorization:", "bearer "):
        if token.lower().startswith(prefix):
            token = token[len(prefix) :].strip()
    return token.strip("\"'")


def _in_answer(text: str) -> str:
    try:
        answer = Document(msgspec.json.decode(text))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return text
    if answer.text("type") == "service_account" or answer.has("private_key"):
        raise InputError(
            "token", "a key file of a service account, which is no token: keep it secret, better delete it"
        )
    if answer.text("type") == "external_account":
        raise InputError("token", "a credential configuration: give the file it names as its source")
    fields = ("id_token", "access_token", "accessToken", "token", "status.token")
    return next((found for name in fields if (found := answer.text(name))), text)


def decode(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a token."""
    token = bare(text)
    if not token:
        raise InputError("token", "there is none: the file is empty")
    if len(token) > _LONGEST:
        raise InputError("token", "longer than any token")
    if token.startswith("ya29."):
        raise InputError("token", "an OAuth access token of Google, which has no readable claims")
    parts = token.split(".")
    if len(parts) == 5:
        raise InputError("token", "encrypted (JWE): its claims cannot be read")
    if len(parts) != 3:
        raise InputError("token", f"expected three parts with dots between, found {len(parts)}")
    header, payload = (_part(part, name) for part, name in zip(parts, ("header", "payload"), strict=False))
    return header, payload


def _part(text: str, name: str) -> dict[str, Any]:
    padded = text + "=" * (-len(text) % 4)
    try:
        value = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InputError(f"token.{name}", "not base64url of JSON") from None
    if not isinstance(value, dict):
        raise InputError(f"token.{name}", "not a JSON object")
    return value


class _Judge:
    def __init__(self, header: Document, payload: dict[str, Any], expected: Expected, as_of: datetime) -> None:
        self.header, self.payload, self.expected, self.as_of = header, Document(payload), expected, as_of
        # A name with a dot is no path.
        self.kubernetes = Document(payload.get("kubernetes.io"))
        self.claims: list[Claim] = []
        self.causes: dict[str, None] = {}

    def report(self) -> TokenReport:
        kind = self._kind()
        self._algorithm()
        self._issuer()
        self._audience()
        self._subject()
        self._times()
        self._rotation()
        self._bound_to()
        return TokenReport(kind, tuple(self.claims), tuple(self.causes))

    def _say(self, name: str, value: str, verdict: Verdict, explanation: str, cause: str = "") -> None:
        self.claims.append(Claim(name, value, verdict, explanation))
        if cause:
            self.causes[cause] = None

    def _kind(self) -> str:
        if any(name.startswith("kubernetes.io/serviceaccount/") for name in self.payload.keys()):  # noqa: SIM118
            return "a Kubernetes service account token out of a Secret, of the old kind"
        if _SUBJECT.fullmatch(self.payload.text("sub")):
            return "a Kubernetes service account token"
        if self.payload.text("iss").removeprefix("https://") == "accounts.google.com":
            return "an identity token of Google"
        return "a token of another issuer"

    def _algorithm(self) -> None:
        algorithm = self.header.text("alg")
        if algorithm.lower() in ("", "none"):
            self._say("alg", algorithm or "absent", Verdict.BAD, "It is not signed: nobody accepts it.")
        else:
            key = self.header.text("kid")
            self._say("alg", algorithm, Verdict.PLAIN, f"Signed with the key {key}." if key else "Signed.")

    def _issuer(self) -> None:
        issuer = self.payload.text("iss")
        gke = _GKE_ISSUER.fullmatch(issuer)
        if gke:
            project, location, cluster = gke.groups()
            wanted = self.expected.cluster
            if (
                wanted
                and wanted not in (cluster, f"{location}/{cluster}", issuer)
                and not issuer.endswith(wanted.partition("projects/")[2] or "\0")
            ):
                self._say("iss", issuer, Verdict.BAD, f"It comes from cluster {cluster}, not from {wanted}.")
                return
            self._say("iss", issuer, Verdict.GOOD, f"Cluster {cluster} in {location} of project {project} made it.")
        elif issuer.startswith("https://kubernetes.default"):
            self._say(
                "iss",
                issuer,
                Verdict.WARNING,
                "This is the issuer of a cluster outside GKE, or of an old one; on GKE it is"
                " https://container.googleapis.com/v1/projects/…. The pool's provider must name exactly this issuer.",
                "fleet-pool-mismatch",
            )
        elif not issuer:
            self._say("iss", "absent", Verdict.BAD, "Without an issuer nobody knows which keys to check it with.")
        elif self._kind().startswith("a Kubernetes"):
            self._say(
                "iss", issuer, Verdict.PLAIN, "A cluster outside GKE: a provider of the pool, or the fleet membership,"
                " must name exactly this issuer."
            )  # fmt: skip
        else:
            self._say("iss", issuer, Verdict.PLAIN, "Who made it.")

    def _audience(self) -> None:
        audiences = self.payload.texts("aud")
        if not audiences:
            self._say("aud", "absent", Verdict.BAD, "It is for nobody in particular: it cannot be exchanged.")
            return
        text = ", ".join(audiences)
        pools = [match[1] for item in audiences if (match := _POOL.fullmatch(item))]
        providers = [match[1] for item in audiences if (match := _PROVIDER.fullmatch(item))]
        wanted = self.expected.pool
        if wanted and wanted in (*pools, *providers, *audiences):
            self._say("aud", text, Verdict.GOOD, "It is for the pool that is expected.")
        elif wanted:
            self._say(
                "aud", text, Verdict.BAD, f"It is not for {wanted}: the exchange is refused.", "fleet-pool-mismatch"
            )
        elif pools:
            self._say("aud", text, Verdict.GOOD, f"It can be exchanged in the pool {pools[0]}.")
        elif providers:
            self._say("aud", text, Verdict.GOOD, "It can be exchanged through this provider (self-managed federation).")
        elif any(_API_SERVER.match(item) for item in audiences):
            self._say(
                "aud",
                text,
                Verdict.WARNING,
                "It is for the cluster's own API server, as the token every pod has. Google's token service refuses it;"
                " on GKE the metadata server gets another one, and no file is involved.",
                "projected-token-volume-missing",
            )
        else:
            self._say("aud", text, Verdict.PLAIN, "Whom it is for. Check that it is what the receiver expects.")

    def _subject(self) -> None:
        subject = self.payload.text("sub")
        found = _SUBJECT.fullmatch(subject)
        if not found:
            verdict = Verdict.PLAIN if subject else Verdict.BAD
            self._say(
                "sub", subject or "absent", verdict, "Whom it stands for." if subject else "It stands for nobody."
            )
            return
        namespace, account = found.groups()
        stated = self.kubernetes
        inner = stated.text("namespace"), stated.document("serviceaccount").text("name")
        if any(inner) and inner != (namespace, account):
            self._say("sub", subject, Verdict.BAD, f"Its own claims name another account, {inner[0]}/{inner[1]}.")
            return
        wanted = self.expected.namespace, self.expected.service_account
        if (wanted[0] and wanted[0] != namespace) or (wanted[1] and wanted[1] != account):
            cause = "default-ksa-used" if account == "default" else ""
            meant = f"{wanted[0] or namespace}/{wanted[1] or account}"
            self._say("sub", subject, Verdict.BAD, f"It stands for {namespace}/{account}, not for {meant}.", cause)
        elif account == "default":
            self._say(
                "sub",
                subject,
                Verdict.WARNING,
                "The default account: every pod that names none shares it.",
                "default-ksa-used",
            )
        else:
            verdict = Verdict.GOOD if any(wanted) else Verdict.PLAIN
            self._say("sub", subject, verdict, f"It stands for the account {account} of namespace {namespace}.")

    def _time(self, path: str) -> datetime | None:
        seconds = self.payload.number(path)
        if seconds is None or not 0 < seconds < 253402300800:
            return None
        return datetime.fromtimestamp(seconds, UTC)

    def _times(self) -> None:
        issued, until, since = self._time("iat"), self._time("exp"), self._time("nbf")
        if until is None:
            self._say(
                "exp",
                "absent",
                Verdict.BAD,
                "It never expires. Tokens out of Secrets do not rotate: use bound tokens, and delete the Secret.",
            )
        elif until <= self.as_of:
            self._say("exp", _moment(until), Verdict.BAD, f"It expired {_span(self.as_of - until)} ago.")
        else:
            self._say("exp", _moment(until), Verdict.GOOD, f"It is valid for {_span(until - self.as_of)} more.")
        if since is not None and since > self.as_of + _SKEW:
            self._say("nbf", _moment(since), Verdict.BAD, "It is not valid yet: a clock is wrong.")
        if issued is not None and issued > self.as_of + _SKEW:
            self._say("iat", _moment(issued), Verdict.BAD, "It was issued in the future: a clock is wrong.")
        elif issued is not None and until is not None:
            life = until - issued
            words = f"Issued {_span(self.as_of - issued)} ago for {_span(life)}."
            if life >= timedelta(days=300):
                words += " A year is what GKE gives: the token is renewed hourly all the same, see warnafter."
            self._say("iat", _moment(issued), Verdict.PLAIN, words)

    def _rotation(self) -> None:
        """Whether the token is renewed: by `warnafter` and the age of its file, since it may be valid for a year."""
        issued, until = self._time("iat"), self._time("exp")
        warn = self._time_of_warning()
        if warn is not None:
            late = self.as_of - warn
            if late > _LATE:
                self._say(
                    "warnafter",
                    _moment(warn),
                    Verdict.BAD,
                    f"It should have been replaced {_span(late)} ago. Either the kubelet no longer writes the file, or"
                    " this is an old copy: read the file anew for each exchange.",
                )
            else:
                self._say("warnafter", _moment(warn), Verdict.GOOD, "It is renewed about this time.")
        written = self.expected.file_time
        if written is None or issued is None or until is None:
            return
        age = self.as_of - written
        due = (warn - issued) if warn is not None else min((until - issued) * 0.8, timedelta(hours=24))
        if age > due + _LATE:
            self._say(
                "file",
                _moment(written),
                Verdict.BAD,
                f"Written {_span(age)} ago and due after {_span(due)}: it does not rotate. A subPath mount, or a copy"
                " made at the start, never changes.",
            )
        else:
            self._say("file", _moment(written), Verdict.GOOD, f"Written {_span(age)} ago, renewed after {_span(due)}.")

    def _time_of_warning(self) -> datetime | None:
        seconds = self.kubernetes.number("warnafter")
        return datetime.fromtimestamp(seconds, UTC) if seconds and 0 < seconds < 253402300800 else None

    def _bound_to(self) -> None:
        inner = self.kubernetes
        for kind in ("pod", "node"):
            name = inner.document(kind).text("name")
            if name:
                self._say(kind, name, Verdict.PLAIN, f"It ends with this {kind}.")
        email = self.payload.text("email")
        if email:
            self._say("email", email, Verdict.PLAIN, "The account it was made for.")


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _span(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
