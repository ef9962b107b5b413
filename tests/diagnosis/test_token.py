"""Tokens are explained and judged, and nothing of them is ever shown."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.cli import cli
from bindwatch.diagnosis.token import Expected, TokenReport, Verdict, read_token
from bindwatch.errors import InputError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ISSUER = "https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west1/clusters/main"
POOL = "shop-prod.svc.id.goog"


def seconds(**ago: float) -> int:
    return int((NOW - timedelta(**ago)).timestamp())


def claims(**changes: Any) -> dict[str, Any]:
    issued = seconds(minutes=10)
    value = {
        "iss": ISSUER,
        "aud": [POOL],
        "sub": "system:serviceaccount:checkout:cart",
        "iat": issued,
        "nbf": issued,
        "exp": issued + 31_536_000,
        "kubernetes.io": {
            "namespace": "checkout",
            "serviceaccount": {"name": "cart", "uid": "u-1"},
            "pod": {"name": "cart-1"},
            "warnafter": issued + 3607,
        },
        **changes,
    }
    return {key: item for key, item in value.items() if item is not None}


def token(payload: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part(header or {'alg': 'RS256', 'kid': 'k1'})}.{part(payload)}.c2lnbmF0dXJl"


def judged(payload: dict[str, Any], header: dict[str, Any] | None = None, **expected: Any) -> TokenReport:
    return read_token(token(payload, header), Expected(**expected), NOW)


def bad(report: TokenReport) -> list[str]:
    return [claim.name for claim in report.claims if claim.verdict is Verdict.BAD]


def test_a_token_of_gke_is_good_though_it_is_valid_for_a_year() -> None:
    report = judged(claims(), pool=POOL, namespace="checkout", service_account="cart", cluster="main")
    assert bad(report) == []
    assert report.is_good


@pytest.mark.parametrize(
    ("changes", "expected", "wrong"),
    [
        ({"aud": ["other.svc.id.goog"]}, {"pool": POOL}, "aud"),
        ({"aud": None}, {}, "aud"),
        ({"sub": "system:serviceaccount:checkout:default", "kubernetes.io": {}}, {"service_account": "cart"}, "sub"),
        ({"sub": "system:serviceaccount:shop:cart"}, {}, "sub"),
        ({"exp": seconds(minutes=1)}, {}, "exp"),
        ({"exp": None}, {}, "exp"),
        ({"nbf": seconds(minutes=-9)}, {}, "nbf"),
        ({"iat": seconds(minutes=-9)}, {}, "iat"),
        ({"iss": None}, {}, "iss"),
        ({}, {"cluster": "other"}, "iss"),
        ({"kubernetes.io": {"warnafter": seconds(hours=2)}}, {}, "warnafter"),
        (
            {"iat": seconds(hours=5), "kubernetes.io": {"warnafter": seconds(hours=4)}},
            {"file_time": NOW - timedelta(hours=5)},
            "file",
        ),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], expected: dict[str, Any], wrong: str) -> None:
    assert wrong in bad(judged(claims(**changes), **expected))


def test_a_token_without_signature_is_bad() -> None:
    assert "alg" in bad(judged(claims(), {"alg": "none"}))


def test_a_fresh_file_rotates() -> None:
    assert "file" not in bad(judged(claims(), file_time=NOW - timedelta(minutes=10)))


def test_the_issuer_of_other_clusters_is_no_gke_issuer() -> None:
    report = judged(claims(iss="https://kubernetes.default.svc.cluster.local"))
    assert [claim.verdict for claim in report.claims if claim.name == "iss"] == [Verdict.WARNING]


def test_the_token_every_pod_has_cannot_be_exchanged() -> None:
    report = judged(claims(aud=[ISSUER]))
    assert report.causes == ("projected-token-volume-missing",)


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "ya29.secret", "a.b.c.d.e", "..", "é.é.é", "{}"])
def test_what_is_no_token_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_token(text, Expected(), NOW)
    assert not text or "secret" not in str(caught.value)


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_text_gives_a_report_or_an_input_error(text: str) -> None:
    for candidate in (text, f"{text}.{text}.{text}"):
        try:
            read_token(candidate, Expected(), NOW)
        except InputError:
            continue


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_claims_are_judged(value: Any) -> None:
    payload = dict.fromkeys(("iss", "aud", "sub", "exp", "iat", "nbf", "kubernetes.io"), value)
    read_token(token(payload), Expected(), NOW)


def test_the_signature_is_checked_against_a_file(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "k1", "alg": "RS256"}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public]}))
    for signer, code in ((key, 0), (other, 1)):
        text = jwt.encode(claims(), signer, algorithm="RS256", headers={"kid": "k1"})
        (tmp_path / "token").write_text(text)
        arguments = ["token", str(tmp_path / "token"), "--jwks", str(tmp_path / "keys.json")]
        arguments += ["--as-of", "2026-11-20T12:00:00", "--format", "json"]
        result = CliRunner().invoke(cli, arguments, standalone_mode=False)
        assert result.return_value == code, result.output
        record = json.loads(result.output)
        assert record["claims"][-1]["name"] == "signature"
        assert text not in result.output
        assert text.split(".")[1][:20] not in result.output


@pytest.mark.parametrize(
    "shape",
    [
        "Bearer {}",
        "Authorization: Bearer {}\n",
        '"{}"',
        '{{"id_token": "{}"}}',
        '{{"access_token": "{}", "expires_in": 3599}}',
        '{{"kind": "TokenRequest", "status": {{"token": "{}"}}}}',
    ],
)
def test_a_token_is_found_in_what_people_have_at_hand(shape: str) -> None:
    assert read_token(shape.format(token(claims())), Expected(), NOW).is_good


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  \n", "empty"),
        ('{"type": "service_account", "private_key": "synthetic"}', "key file"),
        ('{"type": "external_account", "audience": "a"}', "credential configuration"),
        ('{"access_token": "ya29.synthetic"}', "no readable claims"),
    ],
)
def test_what_else_people_give_is_named(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_token(text, Expected(), NOW)
