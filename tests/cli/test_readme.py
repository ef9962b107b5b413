"""The commands of the README and of the pages: those of every day run as written, all others parse as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bindwatch.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
GENERATED = {"cli.md", "rules.md"}  # test_help.py parses the examples that cli.md is made of


def everyday() -> list[tuple[str, list[str]]]:
    """The tasks of the README with their commands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Every day")[2].partition("\n\nEvery command")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if row.startswith("| ") and "---" not in row]
    return [(task, re.findall(r"`(bindwatch [^`]+)`", how)) for task, how in rows if "`bindwatch" in how]


def written() -> list[tuple[str, str, bool]]:
    """Every command of ours in a page: on a line of its own, or in running text."""
    found = []
    for page in PAGES:
        if page.name in GENERATED:
            continue
        text = page.read_text(encoding="utf-8")
        lines = re.findall(r"^(?:    |\$ )?(bindwatch [\w-].*)$", text, re.MULTILINE)
        found += [(page.name, line, False) for line in lines]
        found += [(page.name, line, True) for line in re.findall(r"`(bindwatch [a-z][^`\n]*)`", text)]
    return found


def test_each_task_of_every_day_takes_two_commands_at_most_and_runs(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "functions"), "USER": "ada", "HOME": str(tmp_path)}
    assert len(everyday()) >= 5
    for task, commands in everyday():
        assert 1 <= len(commands) <= 2, task
        for line in commands:
            done = subprocess.run(
                [sys.executable, "-m", "bindwatch", *shlex.split(line)[1:]],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                env=environ,
                check=False,
            )
            assert done.returncode in (0, 1), (line, done.stderr)
            if " show " in line:
                assert "gcloud projects remove-iam-policy-binding" in done.stdout
            if " mute " in line:
                assert "1 finding matches now" in done.stdout
    for name in ("report.html", "ticket.md", "bindwatch.sarif"):
        assert (tmp_path / name).stat().st_size > 1_000


def parse(words: list[str]) -> None:
    context = cli.make_context("bindwatch", list(words))
    while isinstance(context.command, click.Group):
        left = [*context._protected_args, *context.args]
        if not left:
            return
        name, command, rest = context.command.resolve_command(context, left)
        assert command is not None
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("page", "line", "in_text"), written())
def test_a_command_in_a_page_parses(page: str, line: str, in_text: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "ada")
    monkeypatch.chdir(ROOT)
    line = re.split(r"\s(?:[|<>]|&&|# )\s?|\s{2,}", line)[0]
    words = shlex.split(line.replace("…", ""))[1:]
    if any(word.isupper() and word.isalpha() for word in words):  # COMMAND, FILE: a form, not a command
        return
    try:
        parse(words)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        return
    except click.MissingParameter:
        assert in_text, f"{page}: {line}: only in running text is a command named without what it takes"
    except click.UsageError as error:
        raise AssertionError(f"{page}: {line}: {error.message}") from error
