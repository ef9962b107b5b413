"""The user's settings file and the folder of their rules, from disk."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from bindwatch.customization.customization import Customization
from bindwatch.customization.settings_file import DEFAULT_FILE, KnownRules, OutsideFiles, check_rules, read_settings
from bindwatch.errors import ConfigError, InputError
from bindwatch.model.log_entry import decode
from bindwatch.model.outside import AddressList, Outside, Places
from bindwatch.rule import Context

if TYPE_CHECKING:  # most commands run without rules of the user's own, and start without what those need
    from bindwatch.customization.custom_rules import CaseText, CustomRule
    from bindwatch.customization.rule_cases import CaseResult

L = TypeVar("L", AddressList, frozenset[str])
_MOST_TOLD: Final = 5


def load_customization(path: str = "") -> Customization:
    """What the settings file says; without a path, the one in the current folder, if there is one.

    Raises ConfigError with every problem of the file and of the rules it names.
    """
    if not path:
        if not Path(DEFAULT_FILE).is_file():
            return Customization()
        path = DEFAULT_FILE
    from bindwatch.rules import WINDOW_RULES

    text = _read(path)
    settings, source, root = read_settings(text, path)
    folder = Path(path).parent
    custom: tuple[CustomRule, ...] = ()
    problems: list[str] = []
    if settings.custom_rules and not (folder / settings.custom_rules).exists():
        root.problem("custom_rules", f"{folder / settings.custom_rules}: no such folder")
    elif settings.custom_rules:
        try:
            custom = load_rules(str(folder / settings.custom_rules))
        except ConfigError as error:
            problems += error.problems
    every = {*_built_in(), *(rule.rule.id for rule in custom)}
    if not problems:
        check_rules(settings, root, KnownRules(every, {rule.id for rule in WINDOW_RULES}))
    problems = [*source.in_order(), *problems]
    if problems:
        raise ConfigError(problems)
    named = settings.outside
    named = replace(
        named,
        groups=_beside(folder, named.groups),
        address_list=_beside(folder, named.address_list),
        leaked_keys=_beside(folder, named.leaked_keys),
        geoip=_beside(folder, named.geoip),
    )
    outside, notes = _read_outside(named)
    settings = replace(settings, outside=named)
    return Customization(settings=settings, custom=custom, file=path, outside=outside, notes=notes)


def _read_outside(named: OutsideFiles) -> tuple[Outside, tuple[str, ...]]:
    """What the files say, and the lines of lists that say nothing.

    Raises ConfigError where one cannot be read, or where a list holds nothing that can be used.
    """
    from bindwatch.customization.outside_lists import read_addresses, read_keys

    problems: list[str] = []
    notes: list[str] = []
    addresses = _read_lists(named.address_list, read_addresses, problems, notes)
    keys = _read_lists(named.leaked_keys, read_keys, problems, notes)
    places: Places | None = None
    if named.geoip:
        from bindwatch.adapters.geoip import GeoDatabases

        try:
            places = GeoDatabases(named.geoip)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    outside = Outside(
        addresses=AddressList.of_all(addresses) if named.address_list else None,
        leaked_keys=frozenset().union(*keys) if named.leaked_keys else None,
        places=places,
        countries=frozenset(named.countries),
    )
    return outside, tuple(notes)


def _read_lists(
    paths: Iterable[str], read: Callable[[str, str], tuple[L, list[str]]], problems: list[str], notes: list[str]
) -> list[L]:
    lists = []
    for path in paths:
        try:
            found, unread = read(_read(path), path)
        except ConfigError as error:
            problems += error.problems
            continue
        if unread and not found:
            problems.append(f"{unread[0]}; nothing in the file can be used")
            continue
        lists.append(found)
        notes += unread[:_MOST_TOLD]
        if len(unread) > _MOST_TOLD:
            notes.append(f"{path}: {len(unread) - _MOST_TOLD} more lines like these")
    return lists


def load_rules(directory: str) -> "tuple[CustomRule, ...]":
    """The rules of a folder (or of one file). Raises ConfigError with every problem of all of them."""
    from bindwatch.customization.custom_rules import merged, read_rule

    place = Path(directory)
    if not place.exists():
        raise ConfigError([f"{directory}: no such folder"])
    files = sorted(place.rglob("*.toml")) if place.is_dir() else [place]
    rules: list[CustomRule] = []
    others = sorted(file for file in place.rglob("*") if file.suffix.lower() in (".yaml", ".yml"))
    problems = [f"{file}: is not read: rules are TOML (.toml), see docs/custom-rules.md" for file in others]
    for file in files:
        try:
            rules.append(read_rule(_read(str(file)), str(file), _built_in()))
        except ConfigError as error:
            problems += error.problems
    return merged(rules, problems)


def judge_cases(custom: "CustomRule", context: Context) -> "list[CaseResult]":
    """How the cases of a rule went, and which it lacks."""
    from bindwatch.customization.rule_cases import judge_case, lacking, unreadable

    results = list(lacking(custom))
    for case in custom.cases:
        try:
            results.append(judge_case(custom, case, decode(_entry_text(custom, case)), context))
        except (InputError, OSError) as error:
            results.append(unreadable(custom, case, error))
    return results


def _entry_text(custom: "CustomRule", case: "CaseText") -> bytes:
    return (Path(custom.file).parent / case.file).read_bytes() if case.file else case.entry.encode()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error


def _beside(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(folder / name) for name in names)


def _built_in() -> set[str]:
    from bindwatch.rules import INVENTORY_RULES, LOG_RULES, WINDOW_RULES

    return {rule.id for rules in (LOG_RULES, INVENTORY_RULES, WINDOW_RULES) for rule in rules}
