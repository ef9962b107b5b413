"""Who is told of which alerts, and where: the part of the settings file that `notify` goes by."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from bindwatch.customization.fields import Fields, near
from bindwatch.model.finding import Category, Severity
from bindwatch.pipeline.announced import Announced

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SECRET: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_REASONS: Final = ("opened", "reopened", "escalated", "resolved", "closed", "reminder", "baseline")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Kind(StrEnum):
    """What a destination is."""

    SLACK = "slack"
    GOOGLE_CHAT = "google-chat"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"
    JIRA = "jira"


class GroupBy(StrEnum):
    """Which alerts that come together are told in one message."""

    RULE = "rule"
    ALL = "all"
    NONE = "none"


ONE_EACH: Final = frozenset({Kind.PAGERDUTY, Kind.JIRA})
"""Pages and tickets are about one finding each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One place that alerts go to. `secret` is the name of what opens it; the value is in the environment alone."""

    name: str
    kind: Kind
    secret: str
    url: str = ""
    group_by: GroupBy = GroupBy.RULE
    user: str = ""
    project: str = ""
    issue_type: str = "Task"
    api: int = 3
    done: str = ""
    labels: tuple[str, ...] = ()

    @property
    def groups(self) -> bool:
        """Whether a message can hold several alerts."""
        return self.kind not in ONE_EACH and self.group_by is not GroupBy.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which alerts go where: all that is given must fit, and an empty part fits everything."""

    to: tuple[str, ...]
    severity: Severity = Severity.INFO
    categories: frozenset[str] = frozenset()
    projects: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    reasons: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)

    def fits(self, alert: Announced, labels: Mapping[str, str]) -> bool:
        """Whether an alert whose project has these labels goes this way."""
        return (
            alert.severity >= self.severity
            and (not self.categories or alert.category in self.categories)
            and _fits_one(self.projects, alert.project)
            and _fits_one(self.rules, alert.rule_id)
            and (not self.reasons or alert.reason in self.reasons)
            and self.labels.items() <= labels.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Labels of projects: whose they are, what they are for."""

    projects: tuple[str, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Every destination, and the routes to them."""

    destinations: Mapping[str, Destination] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    labelled: tuple[Labelled, ...] = ()

    def labels_of(self, project: str) -> dict[str, str]:
        """The labels of a project; where two disagree, the later in the file holds."""
        found: dict[str, str] = {}
        for item in self.labelled:
            if project and _fits_one(item.projects, project):
                found.update(item.labels)
        return found

    def destinations_of(self, alert: Announced) -> tuple[Destination, ...]:
        """Where an alert goes: to the destinations of every route that fits it, each once."""
        labels = self.labels_of(alert.project)
        names = {name: None for route in self.routes if route.fits(alert, labels) for name in route.to}
        return tuple(self.destinations[name] for name in names)


FIELDS: Final[dict[str, str]] = {
    "[[destination]]": (
        "Where alerts go (alert-subscribers.md): `name`; `kind` (`slack`, `google-chat`, `pagerduty`, `webhook`, "
        "`jira`); `secret`, the name of what opens it; `url` (webhook and jira; for pagerduty where it is not the "
        "usual one); `group_by` (`rule` unless said, `all`, `none`); of jira `project`, `user`, `issue_type`, `api` "
        "(3 for the cloud, 2 for a server of your own), `done` (the transition that ends an issue), `labels`."
    ),
    "[[route]]": (
        "Which alerts go `to` which destinations: `severity` (that or worse), `categories`, `projects`, `rules`, "
        "`reasons`, `labels` (all that are given must fit; a trailing `*` fits any end). An alert takes every route "
        "that fits, and reaches each destination once."
    ),
    "[[project_labels]]": (
        "Labels of your `projects`, for routes to go by and to say whose they are, before those they have: "
        '`labels = { team = "shop" }`.'
    ),
}


def read_directory(root: Fields) -> Directory:
    """The destinations and routes of a settings file; what is wrong with them is kept as its problems."""
    destinations: dict[str, Destination] = {}
    for fields in root.tables("destination"):
        item = _destination(fields)
        if item.name in destinations:
            fields.problem("name", f"another destination is called {item.name!r}")
        destinations[item.name] = item
    routes = tuple(_route(fields, destinations) for fields in root.tables("route"))
    if destinations and not routes:
        root.problem("destination", "no [[route]] leads there: nobody would be told")
    used = {name for route in routes for name in route.to}
    for fields, name in zip(root.tables("destination"), destinations, strict=False):
        if routes and name not in used:
            fields.problem("name", f"no route leads to {name!r}")
    return Directory(destinations=destinations, routes=routes, labelled=tuple(_labelled(root.tables("project_labels"))))


def _destination(fields: Fields) -> Destination:
    name = fields.text("name", required=True)
    if name and not _NAME.fullmatch(name):
        fields.problem("name", f"expected lower-case words joined by hyphens, found {name!r}")
    kind = fields.choice("kind", {item.value: item for item in Kind}, None, required=True)
    secret = fields.text("secret", required=True)
    if secret and not _SECRET.fullmatch(secret):
        # The text may be the secret itself: it is not repeated.
        fields.problem("secret", "expected the name of a secret (SLACK_SECURITY), capital letters; never its value")
    group_by = fields.choice("group_by", {item.value: item for item in GroupBy}, GroupBy.RULE)
    of_jira = kind is Kind.JIRA
    destination = Destination(
        name=name,
        kind=kind or Kind.WEBHOOK,
        secret=secret,
        url=_url(fields, kind),
        group_by=group_by,
        user=fields.text("user") if of_jira else "",
        project=fields.text("project", required=True) if of_jira else "",
        issue_type=fields.text("issue_type", "Task") if of_jira else "",
        api=_api(fields) if of_jira else 3,
        done=fields.text("done") if of_jira else "",
        labels=_jira_labels(fields) if of_jira else (),
    )
    fields.done()
    return destination


def _url(fields: Fields, kind: Kind | None) -> str:
    if kind in (Kind.SLACK, Kind.GOOGLE_CHAT):
        if fields.text("url"):
            fields.problem("url", "the address of such a webhook is its secret: give it as the secret")
        return ""
    url = fields.text("url", required=kind in (Kind.WEBHOOK, Kind.JIRA)).rstrip("/")
    if url and (problem := problem_of_url(url)):
        fields.problem("url", problem)
    return url


def problem_of_url(url: str) -> str:
    """Why nothing may be sent there; empty where it may."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "not an address"
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOCAL):
        return "expected an address that begins with https://"
    if not host or parts.username or parts.password:
        return "expected https://HOST/PATH, without a user"
    return ""


def _api(fields: Fields) -> int:
    version = fields.whole("api")
    if version not in (None, 2, 3):
        fields.problem("api", f"expected 2 or 3, found {version}")
    return version or 3


def _jira_labels(fields: Fields) -> tuple[str, ...]:
    labels = fields.texts("labels")
    for label in labels:
        if " " in label or len(label) > 255:
            fields.problem("labels", f"a label has no blanks and at most 255 characters, found {label!r}")
    return labels


def _route(fields: Fields, known: Collection[str]) -> Route:
    to = fields.texts("to")
    if not to:
        fields.problem("to", "names no destination")
    for name in to:
        if name not in known:
            fields.problem("to", f"no destination {name!r}{near(name, known)}")
    route = Route(
        to=tuple(name for name in to if name in known),
        severity=fields.choice("severity", {item.name: item for item in Severity}, Severity.INFO),
        categories=_among(fields, "categories", [item.value for item in Category]),
        projects=fields.texts("projects"),
        rules=fields.texts("rules"),
        reasons=_among(fields, "reasons", _REASONS),
        labels=fields.table("labels").each(lambda each, name: each.text(name, required=True)),
    )
    fields.done()
    return route


def _among(fields: Fields, name: str, known: Collection[str]) -> frozenset[str]:
    found = frozenset(fields.texts(name))
    for item in sorted(found - set(known)):
        fields.problem(name, f"expected some of {', '.join(known)}, found {item!r}")
    return found


def _labelled(tables: list[Fields]) -> Iterator[Labelled]:
    for fields in tables:
        projects = fields.texts("projects")
        if not projects:
            fields.problem("projects", "names no project")
        labels = fields.table("labels").each(lambda each, name: each.text(name, required=True))
        fields.done()
        yield Labelled(projects=projects, labels=labels)


def _fits_one(patterns: tuple[str, ...], value: str) -> bool:
    return not patterns or any(
        value.startswith(item[:-1]) if item.endswith("*") else value == item for item in patterns
    )
