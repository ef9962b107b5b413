"""The report with 10,000 findings in a headless Chromium: its size, its first paint, and how soon a filter answers."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, expect

from benchmarks.measure import Figure
from bindwatch.cli.page.render import render
from browsers import HOW_TO_GET_ONE, chromium, find_chromium
from sample_reports import report, row

FINDINGS = 10_000
ROUNDS = 7
# Chromium tells of a paint when it has happened; what happened before we asked is told at once.
FIRST_PAINT = """() => new Promise((tell) => new PerformanceObserver((list) => {
  const paint = list.getEntries().find((entry) => entry.name === "first-contentful-paint");
  if (paint) tell(paint.startTime);
}).observe({ type: "paint", buffered: true }))"""


def milliseconds(browser: Browser, page_file: Path) -> tuple[float, float]:
    """From the request to the first paint, and from the last key of a search to its answer."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(page_file.as_uri())
    painted = float(page.evaluate(FIRST_PAINT))
    began = time.perf_counter()
    page.get_by_role("searchbox").fill("worker-77@")
    expect(page.locator("#list > .card")).to_have_count(1)
    answered = 1000 * (time.perf_counter() - began)
    context.close()
    return painted, answered


def figures() -> Iterator[Figure]:
    """A page of a hundred and one of ten thousand, in turn, each in a profile of its own."""
    executable = find_chromium()
    if executable is None:
        raise SystemExit(HOW_TO_GET_ONE)
    with tempfile.TemporaryDirectory() as folder, chromium(executable) as browser:
        began = time.process_time()
        pages = {}
        for count in (100, FINDINGS):
            pages[count] = Path(folder) / f"{count}.html"
            pages[count].write_text(render(report([row(number) for number in range(count)])), encoding="utf-8")
        yield Figure("writing both pages", time.process_time() - began, "s")
        yield Figure(f"file with {FINDINGS:,} findings", pages[FINDINGS].stat().st_size / 1e6, "MB", at_most=5)
        taken: dict[int, list[tuple[float, float]]] = {count: [] for count in pages}
        for round_number in range(ROUNDS + 1):
            for count, page_file in pages.items():
                spent = milliseconds(browser, page_file)
                if round_number:
                    taken[count].append(spent)
        few, many = (statistics.median(painted for painted, _ in taken[count]) for count in (100, FINDINGS))
        yield Figure("first paint with 100 findings", few, "ms")
        yield Figure(f"first paint with {FINDINGS:,} findings", many, "ms", at_most=1500)
        yield Figure(f"the slowest of {ROUNDS}", max(painted for painted, _ in taken[FINDINGS]), "ms")
        yield Figure("first paint, 10,000 / 100 findings", many / few, "")
        answers = [answered for _, answered in taken[FINDINGS]]
        yield Figure(f"search among {FINDINGS:,}, from the last key", statistics.median(answers), "ms")
