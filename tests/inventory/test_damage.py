"""Damaged documents: wrong types, missing parts, foreign values anywhere cost an item, never a crash."""

import copy
import random
from typing import Any

import pytest

import inventory.documents as documents
from bindwatch.inventory import InventoryBuilder, Origin, classify, hint_from_path, read_inventory_document
from bindwatch.inventory.builder import PART_OF
from bindwatch.inventory.parsers.kinds import BY_ASSET_TYPE
from inventory.documents import CLUSTER, KSA, asset, pod

HEALTHY: list[Any] = [value for name, value in vars(documents).items() if name.isupper() and isinstance(value, dict)]
TYPED = [
    asset(f"//x.googleapis.com/projects/shop-prod/x/{number}", asset_type, data, iamPolicy=documents.POLICY)
    for number, asset_type in enumerate(BY_ASSET_TYPE)
    for data in (documents.GKE, documents.ACCOUNT, documents.PROVIDER)
]
SHAPES: list[Any] = [
    *HEALTHY,
    *TYPED,
    {"apiVersion": "v1", "kind": "List", "items": [pod(), KSA]},
    asset(f"{CLUSTER}/k8s/namespaces/shop/pods/p", "k8s.io/Pod", pod()),
    {"asset": TYPED[0], "priorAsset": TYPED[1], "window": {}},
    {"resource": "//x/y", "policy": documents.POLICY, "project": "projects/1"},
    {"accounts": [documents.ACCOUNT], "keys": [documents.KEY]},
    {"error": {"code": 403}},
]
FOREIGN: list[Any] = [
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "x",
    "//",
    "projects/",
    "\ud800",
    "9" * 5000,
    [],
    [[]],
    {},
    {"": {"": ""}},
    "\0",
]
PATHS = ["", "projects/p/keys.json", "clusters/p_l_c/pods.json", "organizations/4/iam-policy.json"]


def damage(value: Any, chance: random.Random) -> Any:
    """The value with one to three of its parts replaced, removed, renamed or doubled."""
    broken = copy.deepcopy(value)
    for _ in range(chance.randint(1, 3)):
        spots: list[tuple[Any, Any]] = []
        stack = [broken]
        while stack:
            here = stack.pop()
            keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else []
            for key in keys:
                spots.append((here, key))
                stack.append(here[key])
        if not spots:
            return chance.choice(FOREIGN)
        here, key = chance.choice(spots)
        match chance.randrange(4):
            case 0:
                here[key] = copy.deepcopy(chance.choice(FOREIGN))
            case 1:
                del here[key]
            case 2 if isinstance(here, dict):
                here[str(key) + chance.choice(["s", "_", "\ud800"])] = here.pop(key)
            case _:
                here[key] = [here[key], chance.choice(FOREIGN)]
    return broken


@pytest.mark.parametrize("seed", range(20))
def test_no_damage_makes_reading_raise(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(5):
        builder = InventoryBuilder()
        for line in range(220):
            value = damage(chance.choice(SHAPES), chance)
            classify(value)
            path = chance.choice(PATHS)
            read_inventory_document(value, builder, origin=Origin("f", line), hint=hint_from_path(path))
        inventory = builder.build()
        for name, policy in inventory.policies:
            assert inventory.ancestors(name)[0] == name
            hash(policy)
        for kind, part in PART_OF.items():
            for item in inventory.all(kind):
                hash(item)
                inventory.coverage(part, getattr(item, "name", ""))
        assert repr(inventory)
