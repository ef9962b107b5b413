import pytest

from bindwatch.model.principal import PrincipalKind, parse_member

POOL = "shop-prod.svc.id.goog"
DIRECT = f"principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/{POOL}"
LEGACY = f"serviceAccount:{POOL}[payments/api]"


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("user:Ada@Example.com", PrincipalKind.USER),
        ("group:ops@example.com", PrincipalKind.GROUP),
        ("serviceAccount:deploy@shop-prod.iam.gserviceaccount.com", PrincipalKind.SERVICE_ACCOUNT),
        ("domain:example.com", PrincipalKind.DOMAIN),
        ("allUsers", PrincipalKind.PUBLIC),
        (LEGACY, PrincipalKind.WORKLOAD),
        (f"{DIRECT}/subject/ns/payments/sa/api", PrincipalKind.WORKLOAD),
    ],
)
def test_reads_the_kind_and_keeps_the_text(member: str, kind: PrincipalKind) -> None:
    principal = parse_member(member)
    assert principal.kind is kind
    assert str(principal) == member


def test_both_spellings_of_a_workload_are_one_identity() -> None:
    assert parse_member(LEGACY).identity == parse_member(f"{DIRECT}/subject/ns/payments/sa/api").identity
