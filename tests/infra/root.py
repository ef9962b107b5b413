"""The Terraform root, copied to be changed at will, and the real terraform to run on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

MOCK = """
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "111122223333" }
  }
}

variables {
  project_id = "example-security"
  region     = "europe-west1"
  scope      = "organizations/123456789012"
  archive    = "tests/archive.zip"
}
"""


@dataclass(frozen=True)
class Root:
    """A copy of infra/ beside a copy of what it reads."""

    folder: Path
    tools: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run terraform on the copy, with a provider that knows the schema and does nothing."""
        provider = [sys.executable, self.tools / "tfprovider.py", self.tools / "schema.json.gz", "--"]
        command = [*provider, "terraform", f"-chdir={self.folder}", *arguments, "-no-color"]
        return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "TF_INPUT": "0"})

    def replace(self, name: str, old: str, new: str) -> None:
        """Change one place of one file."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, f"{name} holds no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def values(self, expressions: dict[str, str], variables: str = "") -> dict[str, Any]:
        """What Terraform makes of these expressions when it applies the copy against the mocked provider."""
        pairs = ", ".join(f"{name} = {expression}" for name, expression in expressions.items())
        with (self.folder / "outputs.tf").open("a", encoding="utf-8") as file:
            file.write(f'\noutput "asked" {{\n  value = jsonencode({{ {pairs} }})\n}}\n')
        # A failing assertion shows what it was asked about: the only way to see a value in a test.
        story = f'run "ask" {{\n{variables}\n  assert {{\n    condition = output.asked == ""\n    error_message = '
        story += '"<<<${output.asked}>>>"\n  }\n}\n'
        for path in (self.folder / "tests").glob("*.tftest.hcl"):
            path.unlink()
        (self.folder / "tests/asked.tftest.hcl").write_text(MOCK + story, encoding="utf-8")
        assert (done := self.run("init", "-backend=false")).returncode == 0, done.stderr
        done = self.run("test", "-json")
        for line in done.stdout.splitlines():
            detail = json.loads(line).get("diagnostic", {}).get("detail", "")
            if "<<<" in detail:
                found: dict[str, Any] = json.loads(detail[detail.index("<<<") + 3 : detail.rindex(">>>")])
                return found
        raise AssertionError(done.stdout + done.stderr)


def copied(tmp_path: Path, tools: Path) -> Root:
    """A copy of infra/ and of what it reads of functions/."""
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "build", "terraform.tfvars")
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=ignored)
    shutil.copytree(ROOT / "functions/bindwatch/sql", tmp_path / "functions/bindwatch/sql")
    return Root(tmp_path / "infra", tools)
