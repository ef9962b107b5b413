"""The settings file: what it may hold, and what is wrong with one, all of it at once."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from typing import Final

from bindwatch.customization.destinations import FIELDS as DIRECTORY_FIELDS
from bindwatch.customization.destinations import Directory, read_directory
from bindwatch.customization.exemptions import SELECTORS, Exemption
from bindwatch.customization.fields import Fields, Source, near
from bindwatch.model.change_window import DAYS, ChangeWindow
from bindwatch.model.finding import Category, Severity

DEFAULT_FILE: Final = "bindwatch.toml"
_NEVER_VALID: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FINDING_ID: Final = re.compile("[0-9a-f]{32}")
_DOMAIN: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_SEVERITIES: Final = {severity.name: severity for severity in Severity}


@dataclass(frozen=True, kw_only=True)
class OutsideFiles:
    """Files with what no log says. Relative paths are from the folder of the settings file."""

    groups: tuple[str, ...] = ()
    address_list: tuple[str, ...] = ()
    leaked_keys: tuple[str, ...] = ()
    geoip: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SettingsFile:
    """What a settings file says. An empty one changes nothing."""

    trusted_domains: frozenset[str] = frozenset()
    trusted_projects: frozenset[str] = frozenset()
    automation: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    custom_rules: str = ""
    disabled_rules: frozenset[str] = frozenset()
    severities: dict[str, Severity] = field(default_factory=dict)
    thresholds: dict[str, int] = field(default_factory=dict)
    change_windows: tuple[ChangeWindow, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    outside: OutsideFiles = OutsideFiles()
    directory: Directory = field(default_factory=Directory)
    team_label: str = "team"

    def team_of(self, project: str, labels: dict[str, str]) -> str:
        """The team of a project (its id), "" where nobody says: what this file labels it counts before its labels."""
        return (labels | self.directory.labels_of(project)).get(self.team_label, "")


@dataclass(frozen=True, slots=True)
class KnownRules:
    """The ids a settings file may name."""

    every: Collection[str]
    windows: Collection[str]


# field → what it means; the order is that of the page
FIELDS: Final[dict[str, str]] = {
    "trusted_domains": "Your domains; members of others count as external.",
    "trusted_projects": "Projects outside the scope whose service accounts are yours.",
    "automation": "Who changes IAM as a job (Terraform, pipelines): e-mails or members, `*` allowed.",
    "break_glass": "Emergency accounts, `*` allowed: any use of one is a finding.",
    "custom_rules": "The folder of your own rules (see custom-rules.md), from the folder of this file.",
    "disabled_rules": "Ids of rules that are not to run.",
    "[severity]": 'Rule id = severity: every finding of the rule has it (`user-managed-key = "LOW"`).',
    "[thresholds]": (
        "Id of a window rule = calls: it speaks from that many calls on. It can be raised above what the rule's page "
        "says, not lowered below it."
    ),
    "[[change_window]]": (
        "When changes are expected: `days`, `begins`, `ends` and `zone` for a weekly time, or `since` and `until` "
        "for one stretch; `projects` limits it. A change inside weighs one step less, one outside says so."
    ),
    "[[exception]]": (
        "Findings that are muted: `rule`, `category`, `project`, `resource`, `principal`, `subject` or `finding_id` "
        "(all that are given must match; a trailing `*` matches any end, but of a category or an id), with `owner`, "
        "`reason` and `expires`. They are kept and shown as muted; one that has run out is reported."
    ),
    "team_label": "The label of projects that says whose they are (`team`), in reports and for what a team may see.",
    "[outside].groups": "Files with the members of groups.",
    "[outside].address_list": "Files of bad addresses (Tor exits, threats): an address or network a line, or a CSV.",
    "[outside].leaked_keys": "Files of leaked service-account keys: a key id or name a line, or a CSV.",
    "[outside].geoip": "GeoIP databases (MMDB): of countries, networks (ASN) or anonymity; several add up.",
    "[outside].countries": "The countries that calls may come from: ISO codes. Needs `geoip`.",
    **DIRECTORY_FIELDS,
}


def table() -> str:
    """The table of docs/settings.md."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in FIELDS.items()]
    return "\n".join(["| field | what it means |", "| --- | --- |", *rows]) + "\n"


def read_settings(text: str, file: str) -> tuple[SettingsFile, Source, Fields]:
    """What the text of a settings file says. The problems are in the source: more may be found before they are told."""
    source = Source(file, text)
    root = source.root()
    settings = SettingsFile(
        trusted_domains=frozenset(_domains(root)),
        trusted_projects=frozenset(item.lower() for item in root.texts("trusted_projects")),
        automation=_principals(root, "automation"),
        break_glass=_principals(root, "break_glass"),
        custom_rules=root.text("custom_rules"),
        disabled_rules=frozenset(root.texts("disabled_rules")),
        severities=_severities(root.table("severity")),
        thresholds=root.table("thresholds").each(lambda fields, name: fields.whole(name)),
        change_windows=tuple(_change_windows(root.tables("change_window"))),
        exemptions=tuple(_exemptions(root.tables("exception"), file)),
        outside=_outside(root.table("outside")),
        directory=read_directory(root),
        team_label=root.text("team_label", "team"),
    )
    root.done()
    return settings, source, root


def check_rules(settings: SettingsFile, root: Fields, known: KnownRules) -> None:
    """Report what names rules that do not exist."""
    for rule_id in sorted(settings.disabled_rules):
        _must_exist(root, "disabled_rules", rule_id, known.every)
    severities, thresholds = root.table("severity"), root.table("thresholds")
    for rule_id in settings.severities:
        _must_exist(severities, rule_id, rule_id, known.every)
    for rule_id in settings.thresholds:
        if rule_id not in known.windows:
            what = "is no window rule" if rule_id in known.every else "no such rule"
            thresholds.problem(rule_id, f"{what}{near(rule_id, known.windows)}")
    for fields, route in zip(root.tables("route"), settings.directory.routes, strict=False):
        for rule_id in route.rules:
            if not rule_id.endswith("*"):
                _must_exist(fields, "rules", rule_id, known.every)
    for fields, exemption in zip(root.tables("exception"), settings.exemptions, strict=False):
        if exemption.rule and not exemption.rule.endswith("*"):
            _must_exist(fields, "rule", exemption.rule, known.every)


def _must_exist(fields: Fields, name: str, rule_id: str, known: Collection[str]) -> None:
    if rule_id not in known:
        fields.problem(name, f"no rule {rule_id!r}{near(rule_id, known)}")


def _domains(root: Fields) -> Iterator[str]:
    for domain in root.texts("trusted_domains"):
        if not _DOMAIN.fullmatch(domain):
            root.problem("trusted_domains", f"expected domains (example.com), found {domain!r}")
        yield domain.lower()


def _principals(root: Fields, name: str) -> tuple[str, ...]:
    principals = root.texts(name)
    for principal in principals:
        if principal.strip("*.@") == "":
            root.problem(name, f"{principal!r} would name everybody")
        elif not set(principal) & set("@*:"):
            root.problem(name, f"{principal!r} names nobody: expected an e-mail or a member, * allowed ({principal}@*)")
    return principals


def _severities(fields: Fields) -> dict[str, Severity]:
    return fields.each(lambda each, name: each.choice(name, _SEVERITIES, None))


def _change_windows(tables: list[Fields]) -> Iterator[ChangeWindow]:
    for fields in tables:
        days = frozenset(day.lower()[:3] for day in fields.texts("days"))
        if unknown := sorted(days - set(DAYS)):
            fields.problem("days", f"expected some of {', '.join(DAYS)}, found {unknown[0]!r}")
        since, until = fields.moment("since"), fields.moment("until")
        begins, ends = _clock(fields, "begins"), _clock(fields, "ends")
        zone = _zone(fields)
        window = ChangeWindow(
            name=fields.text("name"),
            projects=frozenset(fields.texts("projects")),
            days=days,
            begins=begins or time(0),
            ends=ends or time(0),
            zone=zone,
            since=since,
            until=until,
        )
        if (since is None) != (until is None):
            fields.problem("", "needs both since and until")
        elif since is not None and until is not None and since >= until:
            fields.problem("until", "is not after since")
        elif since is None and not days and begins is None:
            fields.problem("", "needs days, begins and ends, or since and until")
        fields.done()
        yield window


def _clock(fields: Fields, name: str) -> time | None:
    value = fields.any(name)
    if value is None:
        return None
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(str(value))
    except ValueError:
        fields.problem(name, f"expected a time of day (09:00), found {value!r}")
        return None


def _zone(fields: Fields) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    name = fields.text("zone", "UTC")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        fields.problem("zone", f"expected a time zone (Europe/Berlin), found {name!r}")
    return None


def _exemptions(tables: list[Fields], file: str) -> Iterator[Exemption]:
    for fields in tables:
        selectors = {name: fields.text(name) for name in SELECTORS}
        owner, reason = fields.text("owner", required=True), fields.text("reason", required=True)
        expires = fields.moment("expires", required=True)
        if selectors["category"]:
            fields.choice("category", {item.value: item for item in Category}, None)
        if selectors["finding_id"] and not _FINDING_ID.fullmatch(selectors["finding_id"]):
            fields.problem("finding_id", "expected the whole id, 32 signs long (bindwatch show says it)")
        if not any(value.strip("*") for value in selectors.values()):
            fields.problem("", f"needs a selector ({', '.join(SELECTORS)}): it would mute everything")
        fields.done()
        yield Exemption(
            owner=owner, reason=reason, expires=expires or _NEVER_VALID, place=f"{file}:{fields.line}", **selectors
        )


def _outside(fields: Fields) -> OutsideFiles:
    outside = OutsideFiles(
        groups=fields.files("groups"),
        address_list=fields.files("address_list"),
        leaked_keys=fields.files("leaked_keys"),
        geoip=fields.files("geoip"),
        countries=tuple(item.upper() for item in fields.texts("countries")),
    )
    if wrong := [item for item in outside.countries if not _COUNTRY.fullmatch(item)]:
        fields.problem("countries", f"expected ISO codes of two letters (DE), found {wrong[0]!r}")
    if outside.countries and not outside.geoip:
        fields.problem("countries", "needs geoip: without a database nobody knows where a call comes from")
    fields.done()
    return outside
