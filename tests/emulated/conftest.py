"""Google's Pub/Sub emulator for the tests of this folder; where the machine has none, they say how to get it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulators import HOW_TO_GET_IT, PubSub, emulated_pubsub, find_emulator


@pytest.fixture(scope="session")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSub]:
    """The emulator, one for all tests: give topics names of their own."""
    if find_emulator() is None:
        pytest.skip(HOW_TO_GET_IT)
    with emulated_pubsub(tmp_path_factory.mktemp("pubsub")) as running:
        yield running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where nothing may skip, leave out what needs an emulator that this machine was not given."""
    if os.environ.get("BINDWATCH_NO_SKIP", "") in ("", "0") or find_emulator() is not None:
        return
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    config.hook.pytest_deselected(items=here)
    items[:] = [item for item in items if item not in here]
