"""The settings of a deployment: the only file that knows the names of environment variables."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from bindwatch.errors import ConfigError

FINDING_SEVERITIES: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO")
"""Those of findings; a log line has others."""
QUERY_GIB: Final = 20
"""What one query may read unless set: at list price twelve cents."""
QUERY_LIMIT: Final = "BINDWATCH_QUERY_GIB"
SEVERITIES: Final = ("DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
ON_CLOUD_RUN: Final = "K_SERVICE"
"""Set by Cloud Run in every container (its contract for services); where it is set, nothing may live in local files."""

_TOPIC: Final = re.compile(r"projects/([a-z0-9.:-]+)/topics/[A-Za-z][\w.~+%-]{2,254}")
_TABLES: Final = re.compile(r"([a-z0-9.:-]+)\.(\w{1,1024})")
_SCOPE: Final = re.compile(r"(organizations|folders)/\d+|projects/[a-z0-9.:-]+")
_SECRETS: Final = "BINDWATCH_SECRET_"
_SINK: Final = re.compile(rf"(?:{_SCOPE.pattern})/sinks/[\w.-]+")


@dataclass(frozen=True, slots=True)
class File:
    """A file of this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A Pub/Sub topic: `projects/PROJECT/topics/TOPIC`."""

    name: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A BigQuery dataset."""

    project: str
    name: str


@dataclass(frozen=True, slots=True)
class Secret:
    """What opens a destination of alerts. Nothing that prints settings prints its value."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, what it means to whoever deploys, and its default in words."""

    name: str
    meaning: str
    default: str = ""


def _variable(name: str, meaning: str, read: Callable[[str], Any], default: Any = "", in_words: str = "") -> Any:
    words = in_words or (str(default) if default else "")
    return field(default=default, metadata={"variable": Variable(f"BINDWATCH_{name}", meaning, words), "read": read})


def _text(value: str) -> str:
    return value


def _list(value: str) -> tuple[str, ...]:
    return tuple(item for part in value.split(",") if (item := part.strip()))


def _names(value: str) -> frozenset[str]:
    return frozenset(item.lower() for item in _list(value))


def _matching(pattern: re.Pattern[str], form: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"expected {form}, found {value!r}")
        return value

    return read


def _store(value: str) -> Dataset | File:
    kind, _, place = value.partition(":")
    if kind == "duckdb" and place:
        return File(place)
    if kind == "bigquery" and (match := _TABLES.fullmatch(place)):
        return Dataset(match[1], match[2])
    raise ValueError(f"expected bigquery:PROJECT.DATASET or duckdb:FILE, found {value!r}")


def read_outlet(value: str) -> Topic | File:
    """`projects/PROJECT/topics/TOPIC` or `file:PATH`. Raises ValueError."""
    if value.startswith("file:") and len(value) > len("file:"):
        return File(value.removeprefix("file:"))
    if _TOPIC.fullmatch(value):
        return Topic(value)
    raise ValueError(f"expected projects/PROJECT/topics/TOPIC or file:PATH, found {value!r}")


def _topic(value: str) -> Topic:
    if _TOPIC.fullmatch(value):
        return Topic(value)
    raise ValueError(f"expected projects/PROJECT/topics/TOPIC, found {value!r}")


def _finding_severity(value: str) -> str:
    if value.upper() not in FINDING_SEVERITIES:
        raise ValueError(f"expected one of {', '.join(FINDING_SEVERITIES)}, found {value!r}")
    return value.upper()


def _severity(value: str) -> str:
    if value.upper() not in SEVERITIES:
        raise ValueError(f"expected one of {', '.join(SEVERITIES)}, found {value!r}")
    return value.upper()


def _positive(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise ValueError(f"expected a whole number above 0, found {value!r}")
    return int(value)


def _seconds(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > 30:
        raise ValueError(f"expected a whole number of seconds from 0 to 30, found {value!r}")
    return int(value)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a deployment decides. Made once, by `from_env`; nothing reads the environment after that."""

    store: Dataset | File = _variable(
        "STORE",
        "Where findings are kept: `bigquery:PROJECT.DATASET`, or `duckdb:FILE` on a machine of your own.",
        _store,
        File("bindwatch.duckdb"),
        "`duckdb:bindwatch.duckdb`; required on Cloud Run",
    )
    alerts: Topic | File = _variable(
        "ALERTS",
        "Where alerts are announced: `projects/PROJECT/topics/TOPIC`, or `file:PATH` (one JSON line each).",
        read_outlet,
        File("alerts.ndjson"),
        "`file:alerts.ndjson`; required on Cloud Run",
    )
    dead_letters: Topic | File = _variable(
        "DEAD_LETTERS",
        "Where messages go that are no audit log entries, with the reason: a topic or `file:PATH`.",
        read_outlet,
        File("dead-letters.ndjson"),
        "`file:dead-letters.ndjson`; required on Cloud Run",
    )
    canary: Topic | None = _variable(
        "CANARY",
        "The topic of the log sink: `sweep` sends a canary entry there every quarter of an hour, and one that does not "
        "come back within ten minutes is a finding. Without it, none is sent.",
        _topic,
        None,
    )
    remind_days: int = _variable(
        "REMIND_DAYS",
        "After how many days a finding that is still open is announced again. Without it, never.",
        _positive,
        0,
    )
    remind_severity: str = _variable(
        "REMIND_SEVERITY", "The least severe finding to be reminded of.", _finding_severity, "HIGH"
    )
    scope: str = _variable(
        "SCOPE",
        "What `audit` looks at: `organizations/NUMBER`, `folders/NUMBER` or `projects/ID`.",
        _matching(_SCOPE, "organizations/NUMBER, folders/NUMBER or projects/ID"),
    )
    sink: str = _variable(
        "SINK",
        "The log sink that feeds `on_log_entry` (`organizations/NUMBER/sinks/NAME`): "
        "`audit` compares it with what the rules need.",
        _matching(_SINK, "organizations/NUMBER/sinks/NAME (or folders/…, projects/…)"),
    )
    trusted_domains: frozenset[str] = _variable(
        "TRUSTED_DOMAINS",
        "The domains that are yours, comma-separated; members of others count as external.",
        _names,
        frozenset(),
    )
    trusted_projects: frozenset[str] = _variable(
        "TRUSTED_PROJECTS",
        "Projects outside the scope whose service accounts are yours, comma-separated ids.",
        _names,
        frozenset(),
    )
    automation: tuple[str, ...] = _variable(
        "AUTOMATION",
        "Who changes IAM as a job (Terraform, pipelines): e-mails, `*` allowed, comma-separated.",
        _list,
        (),
    )
    break_glass: tuple[str, ...] = _variable(
        "BREAK_GLASS", "Emergency accounts: e-mails, `*` allowed, comma-separated.", _list, ()
    )
    disabled_rules: tuple[str, ...] = _variable(
        "DISABLED_RULES", "Ids of rules that are not to run, comma-separated.", _list, ()
    )
    settings_file: str = _variable(
        "SETTINGS_FILE",
        "The settings file that is deployed with the function, as the command line reads it (docs/settings.md).",
        _text,
    )
    query_gib: int = _variable(
        "QUERY_GIB",
        "How many GiB one query to BigQuery may read. One that would read more is refused, costs nothing, and is named "
        "as a failure.",
        _positive,
        QUERY_GIB,
    )
    project: str = _variable(
        "PROJECT",
        "The project the functions run in; log lines name their trace in it.",
        _text,
        in_words="that of the store",
    )
    log_severity: str = _variable("LOG_SEVERITY", "The least severe log line to write.", _severity, "INFO")
    audit_minutes: int = _variable(
        "AUDIT_MINUTES",
        "How long one call of `audit` works before it leaves the rest to the next.",
        _positive,
        25,
    )
    group_seconds: int = _variable(
        "GROUP_SECONDS",
        "How long `notify` waits for alerts of the same burst before it tells of them in one message.",
        _seconds,
        5,
    )
    secrets: tuple[Secret, ...] = field(
        default=(),
        metadata={
            "variable": Variable(
                f"{_SECRETS}*",
                "What opens a destination of alerts, by the name that the settings file has for it "
                f'(`{_SECRETS}SLACK` for `secret = "SLACK"`); mounted from Secret Manager, only for `notify`.',
            ),
            "read": None,
        },
    )
    on_cloud_run: bool = field(default=False, metadata={"variable": Variable(ON_CLOUD_RUN, "", ""), "read": bool})

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings of an environment. Raises ConfigError with every problem in one message."""
        problems: list[str] = []
        values: dict[str, Any] = {}
        for name, variable, read in _table():
            text = environ.get(variable.name, "").strip()
            if not text:
                continue
            try:
                values[name] = read(text)
            except ValueError as error:
                problems.append(f"{variable.name}: {error}")
        secrets = {name: text.strip() for name, text in environ.items() if name.startswith(_SECRETS)}
        values["secrets"] = tuple(Secret(name.removeprefix(_SECRETS), text) for name, text in sorted(secrets.items()))
        if values.get("on_cloud_run"):
            problems += _unfit_for_cloud_run(environ, values)
        if problems:
            raise ConfigError(problems)
        if not values.get("project") and isinstance(values.get("store"), Dataset):
            values["project"] = values["store"].project
        return cls(**values)

    def secret(self, name: str) -> str:
        """The value of a secret. Raises ConfigError where the environment holds none."""
        found = next((secret.value for secret in self.secrets if secret.name == name), "")
        if not found:
            raise ConfigError([f"{_SECRETS}{name}: not set; the settings file names this secret"])
        return found


_OUTSIDE_THE_INSTANCE: Final = ("store", "alerts", "dead_letters")


def _table() -> Iterator[tuple[str, Variable, Callable[[str], Any]]]:
    for item in fields(Settings):
        if item.metadata["read"] is None:
            continue
        yield item.name, item.metadata["variable"], item.metadata["read"]


def _unfit_for_cloud_run(environ: Mapping[str, str], values: Mapping[str, Any]) -> Iterator[str]:
    """What nobody would notice until it is missed: misspelt names, and files that end with the instance."""
    names = {name: variable.name for name, variable, _ in _table()}
    for name in _OUTSIDE_THE_INSTANCE:
        if not environ.get(names[name], "").strip():
            yield f"{names[name]}: required on Cloud Run"
        elif isinstance(values.get(name), File):
            yield f"{names[name]}: a file ends with the instance; on Cloud Run name a BigQuery dataset or a topic"
    for unknown in sorted(set(environ) - set(names.values())):
        if unknown.startswith("BINDWATCH_") and not unknown.startswith(_SECRETS):
            yield f"{unknown}: no such setting; the README lists them"


def query_gib(environ: Mapping[str, str]) -> int:
    """What one query may read, as an environment sets it for the command line. Raises ConfigError."""
    text = environ.get(QUERY_LIMIT, "").strip()
    try:
        return _positive(text) if text else QUERY_GIB
    except ValueError as error:
        raise ConfigError([f"{QUERY_LIMIT}: {error}"]) from error


def is_scope(text: str) -> bool:
    """Whether a text names what can be audited: `organizations/1`, `folders/2` or `projects/p`."""
    return _SCOPE.fullmatch(text) is not None


def variables() -> tuple[Variable, ...]:
    """Every variable a deployment may set, in the order of the README's table."""
    return tuple(variable for item in fields(Settings) if (variable := item.metadata["variable"]).meaning)


def table() -> str:
    """The README's table of settings."""
    rows = [f"| `{variable.name}` | {variable.meaning} | {variable.default or 'none'} |" for variable in variables()]
    return "\n".join(["| variable | what it is for | default |", "| --- | --- | --- |", *rows]) + "\n"
