import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindwatch.knowledge.role_cover import RoleFinder, suggestible
from bindwatch.knowledge.roles import RoleCatalogue

NAMES = [f"example.things.verb{i}" for i in range(9)]


def catalogue(roles):
    return RoleCatalogue.of(roles, source="s", as_of="2026-08-22")


def test_one_role_that_fits_exactly():
    finder = RoleFinder(catalogue({"roles/x.all": NAMES, "roles/x.two": NAMES[:2], "roles/x.three": NAMES[:3]}))
    found = finder.cover(NAMES[:2])
    assert (found.roles, found.extra, found.uncovered, found.exact) == (("roles/x.two",), (), (), True)


def test_two_small_roles_beat_a_large_one():
    finder = RoleFinder(catalogue({"roles/x.all": NAMES, "roles/x.a": NAMES[:2], "roles/x.b": [NAMES[3], NAMES[4]]}))
    found = finder.cover([NAMES[0], NAMES[3]])
    assert found.roles == ("roles/x.a", "roles/x.b")
    assert found.extra == (NAMES[1], NAMES[4])


def test_of_equally_tight_answers_the_one_with_fewer_roles():
    finder = RoleFinder(catalogue({"roles/x.a": NAMES[:1], "roles/x.b": NAMES[1:2], "roles/x.ab": NAMES[:2]}))
    assert finder.cover(NAMES[:2]).roles == ("roles/x.ab",)


def test_what_no_eligible_role_carries_is_said():
    roles = {"roles/owner": NAMES, "roles/x.serviceAgent": NAMES, "projects/p/roles/x": NAMES, "roles/x.a": NAMES[:1]}
    found = RoleFinder(catalogue(roles)).cover([*NAMES[:2], "example.other.get"])
    assert found.roles == ("roles/x.a",)
    assert found.uncovered == (NAMES[1], "example.other.get")
    assert RoleFinder(catalogue(roles), lambda role: role == "projects/p/roles/x").cover(NAMES).extra == ()


def test_nothing_wanted_and_nothing_known():
    assert RoleFinder(RoleCatalogue.built_in()).cover(["storage.objects.get"]).uncovered == ("storage.objects.get",)
    assert RoleFinder(catalogue({"roles/x.a": NAMES})).cover([]).roles == ()


def cheapest(roles, wanted):
    """The fewest extra permissions by trying every choice."""
    names = [name for name in roles if suggestible(name)]
    reachable = {one for name in names for one in roles[name]} & wanted
    best = None
    for size in range(len(names) + 1):
        for choice in itertools.combinations(names, size):
            held = set().union(*(roles[name] for name in choice))
            if held >= reachable:
                best = min(len(held - wanted), best if best is not None else 99)
    return best


def greedy(roles, wanted):
    left = {one for held in roles.values() for one in held} & wanted
    held = set()
    while left:
        name = min(
            (name for name in roles if roles[name] & left),
            key=lambda n: len(roles[n] - wanted - held) / len(roles[n] & left),
        )
        held |= roles[name]
        left -= roles[name]
    return len(held - wanted)


ROLES = st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=7).map(
    lambda all_held: {f"roles/x.r{i}": held for i, held in enumerate(all_held)}
)


@settings(max_examples=150)
@given(ROLES, st.sets(st.sampled_from(NAMES), min_size=1))
def test_no_choice_has_fewer_extra_permissions(roles, wanted):
    found = RoleFinder(catalogue(roles)).cover(wanted)
    held = set().union(*(roles[name] for name in found.roles))
    assert wanted - held == set(found.uncovered)
    assert set(found.extra) == held - wanted
    assert found.exact
    assert len(found.extra) == cheapest(roles, wanted) <= greedy(roles, wanted)


@pytest.fixture(scope="module")
def finder(data_dir):
    data = (data_dir / "predefined_roles.json.xz").read_bytes()
    return RoleFinder(RoleCatalogue.parse(data, source="iam-dataset", as_of="2026-08-22"))


def test_who_reads_objects_gets_no_more_than_the_object_viewer_has(finder):
    found = finder.cover(["storage.objects.get", "storage.objects.list"])
    viewer = finder.catalogue.permissions("roles/storage.objectViewer")
    assert found.exact
    assert len(found.roles) == 1
    assert len(found.extra) <= len(viewer) - 2


def test_what_a_few_roles_allow_is_always_covered(finder):
    chance = random.Random(7)
    roles = [role for role in finder.catalogue.roles() if suggestible(role)]
    for _ in range(40):
        chosen = chance.sample(roles, 3)
        held = set().union(*(finder.catalogue.permissions(role) for role in chosen))
        wanted = set(chance.sample(sorted(held), min(25, len(held))))
        found = finder.cover(wanted)
        assert found.uncovered == ()
        assert len(found.extra) <= len(held - wanted), "the roles themselves are an answer"
