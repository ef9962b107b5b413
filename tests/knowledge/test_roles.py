import gzip
import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from bindwatch.errors import InputError
from bindwatch.knowledge.escalation import dangerous_permissions, risk_of
from bindwatch.knowledge.permissions import canonical
from bindwatch.knowledge.roles import BASIC_ROLES, RoleCatalogue, is_custom_role, is_service_agent_role

POOL = "iam.googleapis.com/workloadIdentityPoolProviders.create"
MINT = "iam.serviceAccounts.getAccessToken"
ROLES = {
    "roles/example.minter": [MINT, "example.things.get"],
    "roles/example.trust": [POOL],
    "roles/example.empty": [],
    "projects/p/roles/custom": ["example.things.delete", "iam.workloadIdentityPoolProviders.create"],
}


def full(roles: dict[str, list[str]]) -> list[dict[str, object]]:
    return [
        {"name": name, "title": "t", **({"includedPermissions": held} if held else {})} for name, held in roles.items()
    ]


def assets(roles: dict[str, list[str]], *, snake: bool) -> list[dict[str, object]]:
    return [
        {
            "name": f"//iam.googleapis.com/{name}",
            ("asset_type" if snake else "assetType"): "iam.googleapis.com/Role",
            "resource": {"data": {"name": name, ("included_permissions" if snake else "includedPermissions"): held}},
        }
        for name, held in roles.items()
    ]


def lines(items: list[dict[str, object]]) -> bytes:
    return b"\n".join(json.dumps(item).encode() for item in items)


FORMS = {
    "roles.list answer": json.dumps({"roles": full(ROLES), "nextPageToken": "x"}).encode(),
    "gcloud list": json.dumps(full(ROLES)).encode(),
    "pages": json.dumps([{"roles": full(ROLES)[:2]}, {"roles": full(ROLES)[2:]}]).encode(),
    "lines": lines(full(ROLES)),
    "lines of pages": lines([{"roles": full(ROLES)[:1]}, {"roles": full(ROLES)[1:]}]),
    "table": json.dumps(ROLES).encode(),
    "asset lines, snake case": lines(assets(ROLES, snake=True)),
    "asset list": json.dumps({"assets": assets(ROLES, snake=False)}).encode(),
    "with a byte order mark": b"\xef\xbb\xbf" + json.dumps(full(ROLES)).encode(),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gzip", "xz"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_catalogue(form, pack):
    catalogue = RoleCatalogue.parse(pack(FORMS[form]), source="s", as_of="2026-08-22")
    assert catalogue.roles() == tuple(sorted(ROLES))
    for role, held in ROLES.items():
        assert {canonical(one) for one in catalogue.permissions(role)} == {canonical(one) for one in held}
    assert catalogue.complete


def test_one_described_role():
    catalogue = RoleCatalogue.parse(json.dumps(full(ROLES)[0]).encode(), source="s", as_of="2026-08-22")
    assert catalogue.permissions("roles/example.minter") == {MINT, "example.things.get"}


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"nonsense", b"[[[[", b"\x1f\x8bbroken", b"\xfd7zXZ\x00broken", b'{"roles": 7}', b'{"name": 7}',
     json.dumps([{"name": "roles/a"}, {"name": "roles/b"}]).encode()],
)  # fmt: skip
def test_what_is_no_full_catalogue_is_refused(data):
    with pytest.raises(InputError):
        RoleCatalogue.parse(data, source="s", as_of="2026-08-22")


def test_unknown_is_not_harmless():
    catalogue = RoleCatalogue.of(ROLES, source="s", as_of="2026-08-22")
    assert catalogue.permissions("roles/example.other") is None
    assert catalogue.mask("roles/example.other") is None
    assert catalogue.risk("roles/example.other") is None
    assert catalogue.holds("roles/example.other", MINT) is None
    assert catalogue.permissions("roles/example.empty") == frozenset()
    assert "roles/example.other" not in catalogue
    assert "roles/example.empty" in catalogue


def test_questions_take_either_spelling():
    catalogue = RoleCatalogue.of(ROLES, source="s", as_of="2026-08-22")
    for spelling in (POOL, "iam.workloadIdentityPoolProviders.create"):
        assert catalogue.holds("roles/example.trust", spelling) is True
        assert catalogue.holds("projects/p/roles/custom", spelling) is True
        assert catalogue.holds("roles/example.minter", spelling) is False
        assert catalogue.roles_with(spelling) == ("projects/p/roles/custom", "roles/example.trust")
    assert catalogue.bit("example.nothing.get") == 0
    mask, missing = catalogue.mask_of([POOL, "example.things.get", "example.nothing.get"])
    assert set(catalogue.names(mask)) >= {"example.things.get"}
    assert missing == ("example.nothing.get",)


def test_a_deleted_or_disabled_role_grants_nothing_and_is_known():
    body = full({"projects/p/roles/a": [MINT], "projects/p/roles/b": [MINT], "projects/p/roles/c": [MINT]})
    body[0]["deleted"] = True
    body[1]["stage"] = "DISABLED"
    catalogue = RoleCatalogue.parse(json.dumps(body).encode(), source="s", as_of="2026-08-22")
    assert [catalogue.risk(f"projects/p/roles/{name}") for name in "abc"] == [0, 0, risk_of([MINT])]


def test_custom_roles_join_a_catalogue_and_leave_the_old_one_alone():
    base = RoleCatalogue.built_in()
    role = "organizations/1/roles/mine"
    grown = base.with_custom_roles({role: [MINT, "example.things.update"], "roles/viewer": ["example.things.get"]})
    assert role not in base
    assert grown.permissions(role) == {MINT, "example.things.update"}
    assert grown.complete_for(role)
    assert grown.holds(role, "example.things.get") is False
    assert grown.holds("roles/viewer", "example.things.get") is True
    assert not grown.complete
    assert base.risk("roles/owner") == grown.risk("roles/owner")


def test_the_same_permissions_give_the_same_risk_whatever_the_name():
    catalogue = RoleCatalogue.of(
        {"roles/a": [MINT, POOL], "projects/p/roles/b": [POOL, MINT]}, source="s", as_of="2026-08-22"
    )
    assert catalogue.risk("roles/a") == catalogue.risk("projects/p/roles/b") == risk_of([MINT, POOL])


def test_a_kept_catalogue_reads_back():
    catalogue = RoleCatalogue.of(ROLES, source="an organization", as_of="2026-08-22")
    kept = catalogue.to_bytes()
    assert kept == catalogue.to_bytes()
    again = RoleCatalogue.from_bytes(kept)
    assert (again.source, again.as_of, again.roles()) == ("an organization", "2026-08-22", catalogue.roles())
    for role in ROLES:
        assert again.permissions(role) == catalogue.permissions(role)
        assert again.risk(role) == catalogue.risk(role)


def test_a_catalogue_kept_with_other_dangerous_permissions_reads_back(monkeypatch):
    catalogue = RoleCatalogue.of(ROLES, source="s", as_of="2026-08-22")
    document = gzip.decompress(catalogue.to_bytes())
    first, second = (name.encode() for name in dangerous_permissions()[:2])
    swapped = document.replace(
        b"\xd9" + bytes([len(first)]) + first, b"\xd9" + bytes([len(b"x.y.z" * 8)]) + b"x.y.z" * 8
    )
    assert swapped != document
    assert second in swapped
    again = RoleCatalogue.from_bytes(gzip.compress(swapped))
    assert again.risk("roles/example.minter") == catalogue.risk("roles/example.minter")


@pytest.mark.parametrize(
    "data", [b"", b"{}", gzip.compress(b"{}", mtime=0), gzip.compress(b"\x81\xa1a\x01", mtime=0), b"\x1f\x8b"]
)
def test_what_is_no_kept_catalogue_is_refused(data):
    with pytest.raises(InputError):
        RoleCatalogue.from_bytes(data)


def test_the_built_in_table_is_visibly_partial():
    catalogue = RoleCatalogue.built_in()
    assert catalogue.complete is False
    assert catalogue.complete_for("roles/owner") is False
    assert catalogue.as_of >= "2026-08-22"
    assert catalogue.age_days(catalogue.as_of) == 0
    assert catalogue.age_days("not a day") is None
    assert catalogue.holds("roles/iam.serviceAccountTokenCreator", MINT) is True
    assert catalogue.holds("roles/logging.logWriter", MINT) is False
    assert catalogue.holds("roles/logging.logWriter", "logging.logEntries.create") is None
    assert catalogue.risk("roles/nobody.knows") is None
    with pytest.raises(InputError):
        catalogue.to_bytes()


def test_the_successors_of_the_basic_roles_are_known():
    catalogue = RoleCatalogue.built_in()
    assert all(role in catalogue for role in BASIC_ROLES)
    assert catalogue.risk("roles/admin") == catalogue.risk("roles/owner")
    assert catalogue.complete_for("roles/admin") is False


def test_flags():
    assert is_service_agent_role("roles/container.serviceAgent")
    assert is_service_agent_role("roles/compute.instanceGroupManagerServiceAgent")
    assert not is_service_agent_role("roles/dataproc.hubAgent")
    assert not is_service_agent_role("projects/p/roles/serviceAgent")
    assert is_custom_role("projects/p/roles/x")
    assert not is_custom_role("roles/viewer")


@pytest.fixture(scope="module")
def published(data_dir):
    return data_dir / "predefined_roles.json.xz"


def test_all_predefined_roles_expand_exactly(published):
    data = published.read_bytes()
    truth = json.loads(lzma.decompress(data))
    catalogue = RoleCatalogue.parse(data, source="iam-dataset", as_of="2026-08-22")
    again = RoleCatalogue.from_bytes(catalogue.to_bytes())
    assert len(catalogue) == len(truth) == 2461
    for role, held in truth.items():
        assert catalogue.permissions(role) == set(held) == again.permissions(role)


def test_the_built_in_table_agrees_with_the_full_catalogue(published):
    full_one, small = (
        RoleCatalogue.parse(published.read_bytes(), source="s", as_of="2026-08-22"),
        RoleCatalogue.built_in(),
    )
    assert small.roles() == full_one.roles()
    assert all(small.risk(role) == full_one.risk(role) for role in small.roles())
    script = Path(__file__).parents[2] / "scripts" / "dangerous_roles"
    done = subprocess.run([sys.executable, script, "--check", published], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
