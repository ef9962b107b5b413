"""Every command that a fix prints is one a shell, gcloud and kubectl take; nothing is run."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

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


def parts(command: str) -> list[list[str]]:
    """The simple commands of a pipeline, as words."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for token in lexer:
        if token in ("|", "&&"):
            found.append([])
        elif token == ">":
            found[-1].append(token)
        else:
            found[-1].append(token)
    return [words[: words.index(">")] if ">" in words else words for words in found]


@cache
def gcloud_tree() -> dict[str, Any]:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not installed")
    root = Path(gcloud).resolve().parent.parent
    path = root / "data" / "cli" / "gcloud_completions.py"
    if not path.exists():
        pytest.skip("this gcloud has no table of its commands")
    spec = importlib.util.spec_from_file_location("gcloud_completions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tree: dict[str, Any] = module.STATIC_COMPLETION_CLI_TREE
    return tree


@cache
def kubectl_flags(*words: str) -> frozenset[str]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    text = subprocess.run([kubectl, *words, "--help"], capture_output=True, text=True, check=False).stdout
    text += subprocess.run([kubectl, "options"], capture_output=True, text=True, check=False).stdout
    return frozenset(re.findall(r"(--[a-z-]+)", text))


def check_gcloud(words: list[str]) -> None:
    tree = gcloud_tree()
    flags = dict(tree["flags"])
    node = tree
    rest = words[1:]
    while rest and rest[0] in node["commands"]:
        node = node["commands"][rest.pop(0)]
        flags |= node["flags"]
    assert not node["commands"], f"{words} names no command"
    for word in rest:
        if word.startswith("--"):
            flag = word.partition("=")[0]
            known = flag in flags or flag.replace("--no-", "--") in flags
            assert known or flag in ("--project", "--format", "--quiet"), f"{' '.join(words[:5])} has no {flag}"


VERBS = ("set", "create", "apply", "patch", "annotate", "get", "replace", "delete")


def check_kubectl(words: list[str]) -> None:
    rest = [word for word in words[1:] if not word.startswith("--context")]
    assert rest[0] in VERBS
    path = rest[:2] if rest[0] in ("set", "create") else rest[:1]
    flags = kubectl_flags(*path)
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in flags, f"kubectl {' '.join(path)} has no {word}"


@pytest.mark.parametrize(("twin", "style"), PAIRS)
def test_commands_are_taken(twin: Twin, style: str) -> None:
    for command in commands(twin, style):
        shell = shutil.which("bash")
        if shell is None:
            pytest.skip("bash is not installed")
        run = subprocess.run([shell, "-n", "-c", command], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        for words in parts(command):
            if words[0] == "gcloud":
                check_gcloud(words)
            elif words[0] == "kubectl":
                check_kubectl(words)
            else:
                assert words[0] in ("jq", "printf", "sleep", "bq"), command


def test_no_command_has_a_placeholder() -> None:
    for twin in TWINS:
        for style in twin.styles:
            for command in commands(twin, style):
                assert not re.search(r"<[A-Z_]+>|\bYOUR_|\$\{?[A-Z]", command), command


def test_json_in_commands_is_json() -> None:
    for twin in TWINS:
        for style in twin.styles:
            for command in commands(twin, style):
                for words in parts(command):
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
