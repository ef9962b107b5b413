"""Every command that a fix prints is one a shell, gcloud and kubectl take; nothing is run."""

from __future__ import annotations

import json
import re

import pytest

import gcloud
from bindwatch.diagnosis.chain import diagnose
from bindwatch.diagnosis.effect import effect
from bindwatch.model.change import Run
from diagnosis.twins import TWINS, Twin
from diagnosis.world import healthy

PAIRS = [pytest.param(twin, style, id=f"{twin.id}-{style}") for twin in TWINS for style in twin.styles]


def commands(twin: Twin, style: str) -> list[str]:
    world = healthy(style).twin(twin.prepare, twin.break_it)
    diagnosis = diagnose(world.case())
    return [
        command
        for blame in (diagnosis.root, *diagnosis.others)
        if blame is not None
        for command in (*blame.found.fix.remediation.commands, *blame.found.fix.remediation.undo)
    ]


@pytest.mark.parametrize(("twin", "style"), PAIRS)
def test_commands_are_taken(twin: Twin, style: str) -> None:
    for command in commands(twin, style):
        assert gcloud.refused(command) == ""


def test_no_command_has_a_placeholder() -> None:
    for twin in TWINS:
        for style in twin.styles:
            for command in commands(twin, style):
                assert not re.search(r"<[A-Z_]+>|\bYOUR_|\$\{?[A-Z]", command), command


def test_json_in_commands_is_json() -> None:
    for twin in TWINS:
        for style in twin.styles:
            for command in commands(twin, style):
                for words in gcloud.simple_commands(command):
                    for word in words:
                        if word.startswith("--patch="):
                            json.loads(word.partition("=")[2])
                        if words[0] == "printf" and word.startswith("{"):
                            json.loads(word)


def test_every_change_says_in_words_what_it_changes() -> None:
    seen: set[type] = set()
    for twin in TWINS:
        for style in twin.styles:
            root = diagnose(healthy(style).twin(twin.prepare, twin.break_it).case()).root
            assert root is not None
            for change in root.found.fix.changes:
                seen.add(type(change))
                words = effect(change)
                assert isinstance(change, Run) or words, change
                assert "\n" not in words
                undo = change.undo()
                assert undo is None or isinstance(undo, Run) or effect(undo), undo
    assert len(seen) > 15
