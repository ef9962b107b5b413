"""The entry points of the functions: unwrap the trigger, call, answer. Nothing heavy is imported before a request."""

import os
from typing import Any

from bindwatch.settings import Settings

# Read when the instance starts, so that a wrong deployment fails before its port opens.
SETTINGS = Settings.from_env(os.environ)


def on_log_entry(request: Any) -> Any:
    """Judge what the log sink sends: a push of Pub/Sub, or a batch (dead-letter replay, pull drain)."""
    from bindwatch.serving.endpoints import on_log_entry

    return on_log_entry(request, SETTINGS)


def audit(request: Any) -> Any:
    """Judge the inventory of a scope and bring the store up to it (started by the scheduler)."""
    from bindwatch.serving.endpoints import audit

    return audit(request, SETTINGS)


def sweep(request: Any) -> Any:
    """Run the window rules and announce what is due (started by the scheduler, each minute)."""
    from bindwatch.serving.endpoints import sweep

    return sweep(request, SETTINGS)


def hunt(request: Any) -> Any:
    """Judge rows of logs for a query in BigQuery (a remote function)."""
    from bindwatch.serving.endpoints import hunt

    return hunt(request, SETTINGS)


def notify(request: Any) -> Any:
    """Tell people of alerts, as the settings file says: a push of Pub/Sub from the alerts topic, or a batch."""
    from bindwatch.serving.endpoints import notify

    return notify(request, SETTINGS)
