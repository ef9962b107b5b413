"""20,000 messages through the Pub/Sub emulator and the local BigQuery, with five deaths and two refusals: 0 lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure
from emulators import emulated_pubsub
from storm import Storm, weather

MESSAGES = 20_000


def figures() -> Iterator[Figure]:
    """What is missing, or too many, of each kind; and how long it took."""
    storm = Storm.brew(MESSAGES)
    with tempfile.TemporaryDirectory() as name, emulated_pubsub(Path(name)) as pubsub:
        folder = Path(name) / "function"
        folder.mkdir()
        outcome = weather(storm, folder, pubsub, name="loss", deaths=5, refusals=2, seconds=10)
    told = {alert for alert in outcome.alerts if alert[:32] not in storm.undone}
    yield Figure("messages sent, one in twenty poison, one in ten twice", len(storm.messages), "")
    yield Figure("entries lost", storm.entries - outcome.activity[1], "", at_most=0)
    yield Figure("findings expected", len(storm.expected), "")
    yield Figure("findings missing or not expected", len(storm.expected ^ set(outcome.findings)), "", at_most=0)
    yield Figure("findings stored twice", len(outcome.findings) - len(set(outcome.findings)), "", at_most=0)
    yield Figure("alert ids missing or not expected", len(storm.told ^ told), "", at_most=0)
    yield Figure("poison messages not with the dead letters", len(storm.poison - set(outcome.letters)), "", at_most=0)
    yield Figure("dead letters without a reason", list(outcome.letters.values()).count(""), "", at_most=0)
    yield Figure("calls that BigQuery refused", outcome.refused, "", at_least=1)
    yield Figure("messages a second, all deaths and refusals included", len(storm.messages) / outcome.seconds, "")
