"""The least set of roles for what a principal used: 25 permissions against all predefined roles."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure
from bindwatch.knowledge.role_cover import RoleFinder, suggestible
from bindwatch.knowledge.roles import RoleCatalogue

QUESTIONS, WANTED = 300, 25


def _questions(catalogue: RoleCatalogue) -> Iterator[list[str]]:
    """What a principal of one to four roles used: some of what they allow."""
    chance = random.Random(7)
    roles = [role for role in catalogue.roles() if suggestible(role)]
    for _ in range(QUESTIONS):
        held: set[str] = set()
        for role in chance.sample(roles, chance.randint(1, 4)):
            held |= set(catalogue.permissions(role))
        while len(held) < WANTED:
            held |= set(catalogue.permissions(chance.choice(roles)))
        yield chance.sample(sorted(held), WANTED)


def figures() -> Iterator[Figure]:
    """One answer, each asked three times, the fastest counts; how many are proven to be the least."""
    folder = os.environ.get("BINDWATCH_DATA")
    if not folder:
        raise SystemExit("BINDWATCH_DATA names no folder with predefined_roles.json.xz")
    data = (Path(folder) / "predefined_roles.json.xz").read_bytes()
    finder = RoleFinder(RoleCatalogue.parse(data, source="benchmark", as_of="2026-08-22"))
    took, exact = [], 0
    for wanted in _questions(finder.catalogue):
        times = []
        for _ in range(3):
            before = time.process_time()
            found = finder.cover(wanted)
            times.append(time.process_time() - before)
        took.append(min(times))
        exact += found.exact
    yield Figure(f"roles for {WANTED} used permissions, median", 1000 * statistics.median(took), "ms", at_most=5)
    yield Figure(f"roles for {WANTED} used permissions, worst of {QUESTIONS}", 1000 * max(took), "ms", at_most=5)
    yield Figure("answers proven to be the least", 100 * exact / QUESTIONS, "%")
