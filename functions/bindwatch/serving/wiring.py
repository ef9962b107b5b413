"""From settings to the parts that run: the only place of the functions that makes clients."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, assert_never

from bindwatch.adapters.sql_store import SqlStore
from bindwatch.customization.customization import Customization
from bindwatch.engine import Engine
from bindwatch.errors import ConfigError
from bindwatch.inventory import Inventory
from bindwatch.inventory.identities import Role
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.pipeline import AlertPublisher, DeadLetters, EntryTopic
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES, LOG_RULES, WINDOW_RULES
from bindwatch.rules.sink_filter import sink_filter
from bindwatch.settings import Dataset, File, Settings, Topic

if TYPE_CHECKING:
    from bindwatch.serving.notify import Notifier


def open_store(settings: Settings) -> SqlStore:
    """The store that the settings name. Its client is imported here, where it is used."""
    match settings.store:
        case File(path):
            from bindwatch.adapters.duckdb import DuckDBStore

            return DuckDBStore(path)
        case Dataset(project, name):
            from bindwatch.adapters.bigquery import BigQueryStore

            return BigQueryStore(f"{project}.{name}", query_gib=settings.query_gib)
        case other:
            assert_never(other)


def open_alerts(settings: Settings) -> AlertPublisher:
    """Where alerts are announced."""
    match settings.alerts:
        case Topic(name):
            from bindwatch.adapters.pubsub import PubSubAlerts

            return PubSubAlerts(name)
        case File(path):
            from bindwatch.adapters.outlets import FileAlerts

            return FileAlerts(path)
        case other:
            assert_never(other)


def open_entries(settings: Settings) -> EntryTopic | None:
    """Where a canary is sent; None where none is to be."""
    if settings.canary is None:
        return None
    from bindwatch.adapters.pubsub import PubSubEntries

    return PubSubEntries(settings.canary.name)


def open_dead_letters(settings: Settings) -> DeadLetters:
    """Where messages go that no retry can help."""
    match settings.dead_letters:
        case Topic(name):
            from bindwatch.adapters.pubsub import PubSubDeadLetters

            return PubSubDeadLetters(name)
        case File(path):
            from bindwatch.adapters.outlets import FileDeadLetters

            return FileDeadLetters(path)
        case other:
            assert_never(other)


def make_notifier(settings: Settings) -> "Notifier":
    """What tells people of alerts. Raises ConfigError where the settings file names no destination, or a secret is
    missing, with every problem in one message.
    """
    from bindwatch.adapters.bridges.bridge import open_bridge
    from bindwatch.serving.notify import Notifier

    directory = customization_of(settings).settings.directory
    if not directory.destinations:
        raise ConfigError(["BINDWATCH_SETTINGS_FILE: names no file with a [[destination]]: nobody is told of alerts"])
    bridges = {}
    problems: list[str] = []
    for name, destination in directory.destinations.items():
        try:
            bridges[name] = open_bridge(destination, settings.secret(destination.secret))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return Notifier(
        directory,
        bridges,
        open_store(settings),
        open_dead_letters(settings),
        group_seconds=settings.group_seconds,
    )


def make_context(settings: Settings) -> Context:
    """What the rules may know without a store: who is ours, who changes IAM as a job, and what time it is."""
    context = Context(
        as_of=datetime.now(UTC),
        trusted_domains=settings.trusted_domains,
        trusted_projects=settings.trusted_projects,
        automation=settings.automation,
        break_glass=settings.break_glass,
    )
    return customization_of(settings).context(context)


def customization_of(settings: Settings) -> Customization:
    """What the settings file of the deployment says; nothing where none is named. Raises ConfigError."""
    return _loaded(settings.settings_file) if settings.settings_file else Customization()


@lru_cache(maxsize=4)
def _loaded(path: str) -> Customization:
    from bindwatch.adapters.customization_files import load_customization

    return load_customization(path)


def make_engine(
    settings: Settings, *, catalogue: RoleCatalogue | None = None, inventory: Inventory | None = None
) -> Engine:
    """An engine of the rules that are enabled. Raises ConfigError where a rule to be disabled does not exist.

    Of an `inventory` its custom roles are known with what they grant.
    """
    context = make_context(settings)
    catalogue = catalogue or context.catalogue
    if inventory is not None:
        catalogue = catalogue.with_custom_roles(_custom_roles(inventory))
    customization = customization_of(settings)
    log_rules, inventory_rules = customization.log_rules(LOG_RULES), customization.inventory_rules(INVENTORY_RULES)
    disabled = set(settings.disabled_rules)
    known = {rule.id for rules in (LOG_RULES, INVENTORY_RULES, WINDOW_RULES) for rule in rules}
    known |= {rule.id for rule in log_rules}
    if unknown := disabled - known:
        raise ConfigError([f"BINDWATCH_DISABLED_RULES: no rule {rule!r}" for rule in sorted(unknown)])
    log_rules = tuple(rule for rule in log_rules if rule.id not in disabled)
    context = replace(context, catalogue=catalogue, inventory=inventory)
    if inventory is not None and settings.sink:
        windows = tuple(rule for rule in customization.window_rules(WINDOW_RULES) if rule.id not in disabled)
        needed = sink_filter((*log_rules, *windows))
        context = replace(context, own_sink=settings.sink, own_sink_filter=needed)
    return Engine(context, log_rules, [rule for rule in inventory_rules if rule.id not in disabled])


def _custom_roles(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    return {
        role.role: () if role.deleted or role.is_disabled else role.permissions
        for role in inventory.all(Role)
        if role.is_custom and role.lists_permissions
    }
