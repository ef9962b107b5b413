"""What only the pod itself can see: one small script for a shell in a container, and what its answers mean.

The script asks for names, status codes and times. A token is asked for, to see whether one is given, and goes nowhere:
only the status and, where it is refused, the words of the refusal leave the container.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from bindwatch.diagnosis.case import Case
from bindwatch.diagnosis.symptoms import SYMPTOM_BY_ID, recognise
from bindwatch.inventory.workloads import Container, Pod

_NODE_ACCOUNT = re.compile(r"\d+-compute@developer\.gserviceaccount\.com")
# The kubelet renews a projected token when 80 % of its life is over, or after 24 hours.
# Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/
_RENEWED: Final = 0.8
_LONGEST: Final = timedelta(hours=24)
_SPARE: Final = timedelta(minutes=10)

SCRIPT: Final = r"""
host="${GCE_METADATA_HOST:-169.254.169.254}"
base="http://$host/computeMetadata/v1/instance/service-accounts/default"
ask() {
  if command -v curl >/dev/null 2>&1; then
    curl -s -m 5 -H 'Metadata-Flavor: Google' -w '\n%{http_code}' "$1" 2>/dev/null || printf '\n000'
  elif command -v wget >/dev/null 2>&1; then
    if out=$(wget -q -T 5 -O - --header='Metadata-Flavor: Google' "$1" 2>&1); then printf '%s\n200' "$out"
    else
      code=$?
      told=$(printf '%s' "$out" | sed -n 's/.*[^0-9]\([45][0-9][0-9]\)[^0-9].*/\1/p' | head -n 1)
      [ -z "$told" ] && [ "$code" = 8 ] && told=refused
      printf '%s\n%s' "$out" "${told:-000}"
    fi
  else printf '\nnone'; fi
}
status() { printf '%s' "$1" | tail -n 1; }
words() { printf '%s' "$1" | sed '$d' | tr '\n' ' ' | head -c 600; }
email=$(ask "$base/email")
echo "metadata=$(status "$email")"
[ "$(status "$email")" = 200 ] && echo "email=$(words "$email")" || echo "email-words=$(words "$email")"
token=$(ask "$base/token")
echo "token=$(status "$token")"
[ "$(status "$token")" = 200 ] || echo "token-words=$(words "$token")"
token=
if command -v getent >/dev/null 2>&1; then
  getent hosts metadata.google.internal >/dev/null 2>&1 && echo dns=yes || echo dns=no
elif command -v nslookup >/dev/null 2>&1; then
  nslookup metadata.google.internal >/dev/null 2>&1 && echo dns=yes || echo dns=no
else echo dns=none; fi
echo "now=$(date +%s)"
"""


class Answer(StrEnum):
    """What one question to the pod gave."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One thing the pod saw. `symptom` is the kind of error it is, as texts are recognised; '' for none."""

    question: str
    answer: Answer
    words: str
    symptom: str = ""


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """Where to run what: the command is one argument for `sh -c`."""

    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    tokens: tuple[str, ...]


def plan_of(case: Case) -> ProbePlan | None:
    """What to run for a workload: in a running pod of it, its first container; None where no pod runs."""
    running = [pod for pod in case.pods if pod.phase in ("", "Running")]
    if not running:
        return None
    pod = running[0]
    container = next((item for item in pod.spec.containers if not item.is_init), None)
    if container is None:
        return None
    tokens = tuple(_token_files(pod, container))
    lines = [f"stat -c 'age={name} %Y' {_quoted(path)} 2>/dev/null || echo 'age={name} none'"
             for name, path in enumerate(tokens)]  # fmt: skip
    script = SCRIPT + "\n".join(lines) + "\n"
    return ProbePlan(pod.namespace, pod.name, container.name, ("/bin/sh", "-c", script), tokens)


def _token_files(pod: Pod, container: Container) -> Iterator[str]:
    """Where the projected tokens of a container lie, those for a pool of Google's only."""
    mounts = dict(container.mounts)
    for volume in pod.spec.volumes:
        for token in volume.tokens:
            if ".id.goog" in token.audience or "workloadIdentityPools" in token.audience:
                where = mounts.get(volume.name)
                if where:
                    yield f"{where.rstrip('/')}/{token.path.lstrip('/')}"


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"


def judge_probe(case: Case, plan: ProbePlan, output: str) -> tuple[ProbeResult, ...]:
    """What the output of the script means for the workload. Text of the pod is hostile: only what is known is kept."""
    values: dict[str, str] = {}
    for line in output[:20_000].splitlines():
        name, found, value = line.partition("=")
        if found and name in _KNOWN:
            values[f"age {value.split()[0]}" if name == "age" and value.split() else name] = value.strip()
    if "metadata" not in values:
        return (ProbeResult("shell", Answer.UNKNOWN, "the container has no shell that could be asked"),)
    results = [_metadata(values), _names(values)]
    if not case.is_fleet:
        results += [_identity(case, values), _token(values)]
    results += [_age(case, values, number, path) for number, path in enumerate(plan.tokens)]
    return tuple(results)


_KNOWN: Final = frozenset({"metadata", "email", "email-words", "token", "token-words", "dns", "now", "age"})


def _metadata(values: dict[str, str]) -> ProbeResult:
    status = values["metadata"]
    question = "metadata server"
    if status in ("000", ""):
        return ProbeResult(question, Answer.BAD, "it does not answer within 5 s", "metadata-unreachable")
    if status == "none":
        return ProbeResult(question, Answer.UNKNOWN, "the container has neither curl nor wget")
    symptoms = recognise(values.get("email-words", ""))
    if status.startswith("5"):
        return ProbeResult(question, Answer.BAD, f"it answers {status}", symptoms[0].id if symptoms else "metadata-500")
    return ProbeResult(question, Answer.GOOD, f"it answers, with {status}")


def _names(values: dict[str, str]) -> ProbeResult:
    match values.get("dns"):
        case "yes":
            return ProbeResult("name resolution", Answer.GOOD, "metadata.google.internal resolves")
        case "no":
            return ProbeResult(
                "name resolution", Answer.BAD, "metadata.google.internal does not resolve", "name-resolution"
            )
        case _:
            return ProbeResult("name resolution", Answer.UNKNOWN, "the container has neither getent nor nslookup")


def _identity(case: Case, values: dict[str, str]) -> ProbeResult:
    email = values.get("email", "")
    question = "identity"
    if values["metadata"] == "404":
        return ProbeResult(question, Answer.BAD, "it knows no account for the pod", "token-not-defined")
    if not re.fullmatch(r"[A-Za-z0-9._/:@-]{3,200}", email):
        return ProbeResult(question, Answer.UNKNOWN, "no identity was told")
    if case.email and email == case.email:
        return ProbeResult(question, Answer.GOOD, f"it is {email}")
    if email == case.pool or email.startswith("principal://"):
        if case.email:
            return ProbeResult(
                question, Answer.BAD, f"it is the pool's ({email}), not {case.email}", "federated-denied"
            )
        return ProbeResult(question, Answer.GOOD, "it is the workload's own")
    if _NODE_ACCOUNT.fullmatch(email):
        return ProbeResult(question, Answer.BAD, f"it is the node's: {email}", "node-identity-denied")
    return ProbeResult(question, Answer.BAD, f"it is {email}, not {case.email or 'the workload itself'}")


def _token(values: dict[str, str]) -> ProbeResult:
    status = values.get("token", "")
    if status == "200":
        return ProbeResult("token", Answer.GOOD, "one was given")
    if status in ("none", "", "000"):
        return ProbeResult("token", Answer.UNKNOWN, "none could be asked for")
    symptoms = recognise(values.get("token-words", "")) or recognise(f"status code {status} trying to fetch /token")
    words = symptoms[0].title if symptoms else "it was refused"
    return ProbeResult("token", Answer.BAD, f"{status}: {words}", symptoms[0].id if symptoms else "")


def _age(case: Case, values: dict[str, str], number: int, path: str) -> ProbeResult:
    written = values.get(f"age {number}", "").partition(" ")[2]
    question = f"projected token {path}"
    if not written.isdigit():
        return ProbeResult(question, Answer.BAD, "the file is not there", "token-file")
    now = int(values["now"]) if values.get("now", "").isdigit() else int(case.as_of.timestamp())
    age = timedelta(seconds=max(now - int(written), 0))
    life = next((timedelta(seconds=token.expiration_seconds) for runner in case.runners for token in runner.spec.tokens
                 if path.endswith(token.path)), timedelta(hours=1))  # fmt: skip
    due = min(life * _RENEWED, _LONGEST)
    when = datetime.fromtimestamp(int(written), UTC)
    if age > due + _SPARE:
        return ProbeResult(question, Answer.BAD, f"written at {when:%F %T} UTC and not renewed since", "token-expired")
    return ProbeResult(question, Answer.GOOD, f"written at {when:%F %T} UTC")


def symptoms_of(results: tuple[ProbeResult, ...]) -> tuple[str, ...]:
    """The kinds of errors the pod saw, for the causes they can have."""
    return tuple(dict.fromkeys(item.symptom for item in results if item.symptom in SYMPTOM_BY_ID))
