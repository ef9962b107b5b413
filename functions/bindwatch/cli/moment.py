"""Moments as people and log entries write them."""

from datetime import UTC, datetime
from typing import Final

import click

MOMENT: Final = click.DateTime(
    formats=("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z")
)
"""A moment; UTC where it names no zone. Python reads `Z` as a zone, too."""


def or_now(moment: datetime | None) -> datetime:
    """The moment somebody wrote, in UTC where they named no zone; now where they wrote none."""
    if moment is None:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
