"""What every test may ask for: the material outside the repository, and that nothing skips itself unnoticed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

NO_SKIP = os.environ.get("BINDWATCH_NO_SKIP", "") not in ("", "0")
"""Set where everything must run: a skipped test then fails."""

OUTSIDE = {
    "corpus": "BINDWATCH_CORPUS",
    "data_dir": "BINDWATCH_DATA",
    "terraform_tools": "BINDWATCH_TERRAFORM_TOOLS",
}
"""The fixtures that give material kept outside the repository, each with the variable that says where it is."""


def outside(fixture: str) -> Path:
    """The folder a fixture stands for; skips the test where it is not there."""
    variable = OUTSIDE[fixture]
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable} names no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Audit log entries and inventories of other projects (BINDWATCH_CORPUS)."""
    return outside("corpus")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The full catalogue of predefined roles and the escalation paths (BINDWATCH_DATA)."""
    return outside("data_dir")


@pytest.fixture(scope="session")
def terraform_tools() -> Path:
    """What lets the real terraform check infra/ without a registry (BINDWATCH_TERRAFORM_TOOLS)."""
    folder = outside("terraform_tools")
    if shutil.which("terraform") is None:
        pytest.skip("no terraform on the path")
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where nothing may skip, leave out what needs material that this machine was not given."""
    absent = {fixture for fixture, variable in OUTSIDE.items() if not os.environ.get(variable)}
    if not NO_SKIP or not absent:
        return
    left_out = [item for item in items if absent.intersection(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that keeps its reason; an expected failure is not a skip."""
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped where nothing may skip: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report
