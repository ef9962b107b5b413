"""Moments as people and log entries write them."""

from typing import Final

import click

MOMENT: Final = click.DateTime(
    formats=("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z")
)
"""A moment; UTC where it names no zone. Python reads `Z` as a zone, too."""
