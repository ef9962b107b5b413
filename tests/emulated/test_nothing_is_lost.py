"""Everything that can go wrong on the way, with Google's Pub/Sub emulator and a local BigQuery: nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulators import PubSub
from storm import Storm, weather


@pytest.mark.slow
def test_nothing_is_lost(pubsub: PubSub, tmp_path: Path) -> None:
    storm = Storm.brew(2000)
    outcome = weather(storm, tmp_path, pubsub, name="storm", deaths=5, refusals=2, seconds=10)
    assert outcome.refused
    assert sorted(outcome.findings) == sorted(storm.expected)
    assert outcome.activity[1] == storm.entries
    assert {alert for alert in outcome.alerts if alert[:32] not in storm.undone} == storm.told
    assert {alert[:32] for alert in outcome.alerts} <= storm.expected
    assert set(outcome.letters) == storm.poison
    assert all(outcome.letters.values())
