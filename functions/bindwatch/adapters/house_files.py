"""The user's settings file and the folder of their rules, from disk."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bindwatch.errors import ConfigError, InputError
from bindwatch.house.house import House
from bindwatch.house.settings_file import DEFAULT_FILE, KnownRules, check_rules, read_settings
from bindwatch.model.log_entry import decode
from bindwatch.rule import Context

if TYPE_CHECKING:  # most commands run without rules of the user's own, and start without what those need
    from bindwatch.house.custom_rules import CaseText, CustomRule
    from bindwatch.house.rule_cases import CaseResult


def load_house(path: str = "") -> House:
    """What the settings file says; without a path, the one in the current folder, if there is one.

    Raises ConfigError with every problem of the file and of the rules it names.
    """
    if not path:
        if not Path(DEFAULT_FILE).is_file():
            return House()
        path = DEFAULT_FILE
    from bindwatch.rules import WINDOW_RULES

    text = _read(path)
    settings, source, root = read_settings(text, path)
    folder = Path(path).parent
    custom: tuple[CustomRule, ...] = ()
    problems: list[str] = []
    if settings.custom_rules:
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
    outside = settings.outside
    settings = replace(
        settings,
        outside=replace(
            outside,
            groups=tuple(str(folder / name) for name in outside.groups),
            address_list=_beside(folder, outside.address_list),
            leaked_keys=_beside(folder, outside.leaked_keys),
            geoip=_beside(folder, outside.geoip),
        ),
    )
    return House(settings=settings, custom=custom, file=path)


def load_rules(directory: str) -> "tuple[CustomRule, ...]":
    """The rules of a folder (or of one file). Raises ConfigError with every problem of all of them."""
    from bindwatch.house.custom_rules import merged, read_rule

    place = Path(directory)
    if not place.exists():
        raise ConfigError([f"{directory}: no such folder"])
    files = sorted(place.rglob("*.toml")) if place.is_dir() else [place]
    rules: list[CustomRule] = []
    problems: list[str] = []
    for file in files:
        try:
            rules.append(read_rule(_read(str(file)), str(file), _built_in()))
        except ConfigError as error:
            problems += error.problems
    return merged(rules, problems)


def judge_cases(custom: "CustomRule", context: Context) -> "list[CaseResult]":
    """How the cases of a rule went, and which it lacks."""
    from bindwatch.house.rule_cases import judge_case, lacking, unreadable

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


def _beside(folder: Path, name: str) -> str:
    return str(folder / name) if name else ""


def _built_in() -> set[str]:
    from bindwatch.rules import INVENTORY_RULES, LOG_RULES, WINDOW_RULES

    return {rule.id for rules in (LOG_RULES, INVENTORY_RULES, WINDOW_RULES) for rule in rules}
