"""Masks of updates, in the spellings that requests have."""

from __future__ import annotations

from typing import Any

import pytest

from bindwatch.model.document import Document
from bindwatch.model.update_mask import UpdateMask, mask_of


@pytest.mark.parametrize(
    "request_",
    [
        {"updateMask": "attributeCondition,oidc.issuerUri"},
        {"updateMask": " oidc.issuer_uri , attribute_condition,"},
        {"update_mask": {"paths": ["attribute_condition", "oidc.issuer_uri"]}},
        {"updateMask": {"paths": "attributeCondition,oidc.issuerUri"}},
        {"updateMask": ["oidc.issuerUri", "attribute_condition"]},
    ],
)
def test_a_mask_is_read_in_whichever_way_it_is_written(request_: dict[str, Any]) -> None:
    assert mask_of(Document(request_)) == UpdateMask(frozenset({"attributeCondition", "oidc.issuerUri"}))


@pytest.mark.parametrize("mask", ["*", "disabled,*", ["*"], {"paths": ["disabled", "*"]}])
def test_a_star_means_everything_whatever_stands_beside_it(mask: Any) -> None:
    found = mask_of(Document({"updateMask": mask}))
    assert found
    assert found.writes("filter", Document({"disabled": True}))


@pytest.mark.parametrize("mask", [None, "", ",", [], {"paths": []}, {}, 7.5, {"paths": None}])
def test_without_a_mask_an_update_writes_what_it_holds(mask: Any) -> None:
    found, body = mask_of(Document({"updateMask": mask})), Document({"filter": "severity>=ERROR"})
    assert not found
    assert found.writes("filter", body)
    assert not found.writes("exclusions", body)


def test_a_path_names_what_is_in_it_and_what_it_is_in_and_nothing_else() -> None:
    mask = UpdateMask(frozenset({"status.restrictedServices", "oidc"}))
    assert mask.names("status.restrictedServices")
    assert mask.names("status")
    assert mask.names("oidc.issuerUri")
    assert not mask.names("status.accessLevels")
    assert not mask.names("oidcKeys")
    assert mask.writes("oidc", Document({}))
    assert not mask.writes("description", Document({"description": "x"}))
