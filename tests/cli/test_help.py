"""What the command line says of itself: an example per command, hints for typos, and completion in the shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import click
import pytest

from bindwatch.__main__ import OF_THE_EXTRA
from bindwatch.cli import cli
from bindwatch.rules import LOG_RULES

ROOT = Path(__file__).parents[2]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group, info_name="bindwatch")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


EVERY = [pytest.param(path, command, id=" ".join(path)) for path, command in commands(cli)]


def bindwatch(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bindwatch", *args],
        capture_output=True,
        text=True,
        cwd=ROOT / "functions",
        env={"PATH": os.environ["PATH"], **environment},
        timeout=60,
        check=False,
    )


def ours(line: str) -> Iterator[list[str]]:
    """The commands of ours in a shell line."""
    for piece in re.split(r"\s(?:&&|\||;)\s|;\s", line):
        words = shlex.split(piece.split(" > ")[0].split(" < ")[0])
        if words[0] == "bindwatch":
            yield words[1:]


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_a_command_has_an_example_that_parses(
    path: tuple[str, ...], command: click.Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.help
    if path == ("rules", "show"):  # told by `rules` itself
        return
    monkeypatch.setenv("USER", "ada")
    assert command.epilog, "no example"
    examples = list(ours(command.epilog.removeprefix("Example:").strip()))
    for words in examples:
        parse(words)
    assert any(tuple(words[: len(path)]) == path for words in examples), "the example is of another command"


def parse(words: list[str]) -> None:
    """Parse a line as running it would, without running it."""
    context = cli.make_context("bindwatch", list(words))
    while isinstance(context.command, click.Group):
        left = [*context._protected_args, *context.args]
        if not left:
            return
        name, command, rest = context.command.resolve_command(context, left)
        assert command is not None
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_every_option_is_explained(path: tuple[str, ...], command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name not in ("form", "state"):
            assert parameter.help, f"{' '.join(path)} {parameter.opts[0]}"


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (("fndings",), "'findings'"),
        (("scan", "--fromat", "json", "x"), "'--format'"),
        (("rules", "public-membr"), "public-member"),
        (("query", "did_waht"), "did_what"),
        (("scan", "/nowhere"), "no such file or directory"),
        (("findings", "--store", "/nowhere.duckdb"), "bindwatch scan PATH --store"),
        (("mute", "--store", "/nowhere.duckdb", "--reason", "x", "--owner", "x"), "bindwatch scan PATH --store"),
        (("diff", "one.json"), "before.json after.json"),
        (("scan",), "--help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_error_says_what_to_do_next(args: tuple[str, ...], hint: str) -> None:
    done = bindwatch(*args)
    assert done.returncode == 2
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def completed(line: str, **environment: str) -> list[str]:
    words = line.split(" ")
    given = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_BINDWATCH_COMPLETE": "bash_complete"}
    return [item.partition(",")[2] for item in bindwatch(**given, **environment).stdout.splitlines()]


def test_the_shell_completes_commands_options_and_rules() -> None:
    assert completed("bindwatch fi") == ["findings"]
    assert "--fail-on" in completed("bindwatch scan --fail")
    assert "public-member" in completed("bindwatch rules public-m")
    assert "public-member" in completed("bindwatch findings --rule public-m")
    assert "did_what" in completed("bindwatch query did_")
    assert "markdown" in completed("bindwatch scan --format mark")


def test_the_shell_is_given_commands_without_waiting_for_the_rules() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bindwatch"],
        capture_output=True,
        text=True,
        cwd=ROOT / "functions",
        env={"COMP_WORDS": "bindwatch s", "COMP_CWORD": "1", "_BINDWATCH_COMPLETE": "bash_complete"},
        check=False,
    )
    assert "plain,scan" in done.stdout
    assert "bindwatch.rules" not in done.stderr
    assert LOG_RULES


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_is_a_script_of_that_shell(shell: str) -> None:
    done = bindwatch("completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_BINDWATCH_COMPLETE" in done.stdout
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=done.stdout, text=True, check=True)


@pytest.mark.parametrize("package", ["click", "duckdb"])
def test_without_its_extra_the_command_says_how_to_get_it(package: str) -> None:
    script = (
        f"import sys\nsys.modules[{package!r}] = None\nsys.argv = ['bindwatch', *sys.argv[1:]]\n"
        "from bindwatch.__main__ import main\nmain()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, "scan", ROOT / "docs" / "demo", "--store", ":memory:"],
        capture_output=True, text=True, cwd=ROOT / "functions", timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert f"{package} is not installed" in run.stderr
    assert "pip install 'bindwatch[cli]'" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_packages_of_the_extra_are_known_by_what_is_imported() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["cli"]
    names = {re.split(r"[^\w-]", requirement)[0] for requirement in extra}
    packages = packages_distributions()
    assert {packages[module][0].lower() for module in OF_THE_EXTRA} == names
