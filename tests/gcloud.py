"""What gcloud, bq and kubectl make of a command, without running it: is it one they take?"""

from __future__ import annotations

import atexit
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_PARSER: Final = Path(__file__).with_name("gcloud_parser.py")
_KUBECTL_VERBS: Final = frozenset(
    {
        "api-resources",
        "set",
        "create",
        "apply",
        "patch",
        "annotate",
        "get",
        "replace",
        "delete",
        "edit",
        "certificate",
        "rollout",
    }
)
_GROUPS_OF_KUBECTL: Final = frozenset({"set", "create", "certificate", "rollout"})
_OTHERS: Final = frozenset({"jq", "printf", "sleep", "echo"})


@cache
def refused(command: str) -> str:
    """Why a shell, gcloud, bq or kubectl would not take a command; '' where they would.

    A command that is a comment (`# by hand, …`) is one that no tool has, and fine. Skips where gcloud is missing.
    """
    if command.startswith("#"):
        return ""
    shell = shutil.which("bash")
    assert shell is not None
    run = subprocess.run([shell, "-n", "-c", command], capture_output=True, text=True, check=False)
    if run.returncode:
        return run.stderr
    for words in simple_commands(command):
        match words[0]:
            case "gcloud":
                problem = refused_by_gcloud(words[1:])
            case "bq":
                problem = _refused_by_bq(words[1:])
            case "kubectl":
                problem = _refused_by_kubectl(words[1:])
            case name:
                problem = "" if name in _OTHERS else f"no command we use: {name}"
        if problem:
            return f"{shlex.join(words)}: {problem}"
    return ""


def simple_commands(command: str) -> list[list[str]]:
    """The simple commands of a pipeline, as words, without redirections."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    for token in lexer:
        if token in ("|", "&&"):
            found.append([])
        else:
            found[-1].append(token)
    return [words[: words.index(">")] if ">" in words else words for words in found]


def refused_by_gcloud(words: list[str]) -> str:
    """Why gcloud's own parser refuses these words after `gcloud`; '' where it takes them."""
    worker = _gcloud()
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(words) + "\n")
    worker.stdin.flush()
    answer = json.loads(worker.stdout.readline())
    assert isinstance(answer, str)
    return answer


@cache
def _sdk() -> Path:
    gcloud = shutil.which("gcloud")
    root = Path(gcloud).resolve().parent.parent if gcloud else Path()
    if not (root / "lib" / "googlecloudsdk").is_dir():
        pytest.skip("gcloud is not here: https://cloud.google.com/sdk/docs/install has it")
    return root


@cache
def _gcloud() -> subprocess.Popen[str]:
    root = _sdk()
    bundled = root / "platform" / "bundledpythonunix" / "bin" / "python3"
    configuration = tempfile.TemporaryDirectory()
    worker = subprocess.Popen(
        [str(bundled) if bundled.exists() else sys.executable, str(_PARSER), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "CLOUDSDK_CONFIG": configuration.name,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_PROJECT": "some-project",
            "CLOUDSDK_CORE_USER_OUTPUT_ENABLED": "false",
        },
    )

    def stop() -> None:
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait(timeout=10)
        configuration.cleanup()

    atexit.register(stop)
    return worker


@cache
def _flags_of_bq(command: str) -> frozenset[str]:
    """The flags of a command of bq, from its own source: to ask it for help takes seconds."""
    source = "\n".join(
        path.read_text() for path in sorted((_sdk() / "platform" / "bq").glob("*.py")) if "flags" in path.name
    )
    frontend = _sdk() / "platform" / "bq" / "frontend"
    for path in (frontend / "commands_iam.py", frontend / f"command_{command}.py", frontend / "flags.py"):
        source += path.read_text() if path.exists() else ""
    return frozenset(re.findall(r"DEFINE_\w+\(\s*'([\w-]+)'", source))


def _refused_by_bq(words: list[str]) -> str:
    command = next((word for word in words if not word.startswith("--")), "")
    if command not in ("add-iam-policy-binding", "remove-iam-policy-binding", "query"):
        return f"no command of bq that we use: {command}"
    known = _flags_of_bq(command)
    for word in words:
        if word.startswith("--") and word[2:].partition("=")[0] not in known:
            return f"bq {command} has no {word}"
    return ""


@cache
def _flags_of_kubectl(*words: str) -> frozenset[str]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not here: https://kubernetes.io/docs/tasks/tools has it")
    text = subprocess.run([kubectl, *words, "--help"], capture_output=True, text=True, check=False).stdout
    text += subprocess.run([kubectl, "options"], capture_output=True, text=True, check=False).stdout
    return frozenset(re.findall(r"(--[a-z-]+)", text))


def _refused_by_kubectl(words: list[str]) -> str:
    rest = [word for word in words if not word.startswith("--context")]
    if rest[0] not in _KUBECTL_VERBS:
        return f"no command of kubectl that we use: {rest[0]}"
    path = rest[:2] if rest[0] in _GROUPS_OF_KUBECTL else rest[:1]
    flags = _flags_of_kubectl(*path)
    for word in rest:
        if word.startswith("--") and word.partition("=")[0] not in flags:
            return f"kubectl {' '.join(path)} has no {word}"
    return ""
