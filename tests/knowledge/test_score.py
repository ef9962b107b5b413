import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.knowledge.escalation import Level, dangerous_permissions, risk_of
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.knowledge.score import Exposure, band, impact, impact_through, score
from bindwatch.model.finding import Severity

SA, USER, KSA = Exposure.WORKLOAD, Exposure.PERSON, Exposure.WORKLOAD
ORG, FOLDER, PROJECT = Level.ORGANIZATION, Level.FOLDER, Level.PROJECT
RESOURCE = Level.RESOURCE
ACCOUNT, BUCKET = "iam.googleapis.com/ServiceAccount", "storage.googleapis.com/Bucket"
SECRET = "secretmanager.googleapis.com/Secret"

# Role, where it is bound, to whom, and the impact and score measured when the score was defined.
MEASURED = [
    ("roles/owner", PROJECT, "", USER, 0.92, 95),
    ("roles/editor", PROJECT, "", SA, 0.80, 80),
    ("roles/editor", PROJECT, "", Exposure.KEYED_SERVICE_ACCOUNT, 0.80, 90),
    ("roles/resourcemanager.organizationAdmin", ORG, "", USER, 0.92, 99),
    ("roles/privilegedaccessmanager.approver", ORG, "", USER, 0.90, 99),
    ("roles/iam.securityAdmin", PROJECT, "", USER, 0.92, 95),
    ("roles/iam.serviceAccountTokenCreator", PROJECT, "", SA, 0.80, 80),
    ("roles/iam.serviceAccountTokenCreator", RESOURCE, ACCOUNT, SA, 0.80, 61),
    ("roles/iam.workloadIdentityUser", PROJECT, "", KSA, 0.78, 78),
    ("roles/iam.workloadIdentityUser", RESOURCE, ACCOUNT, KSA, 0.78, 59),
    ("roles/iam.workloadIdentityUser", RESOURCE, ACCOUNT, Exposure.WHOLE_POOL, 0.78, 78),
    ("roles/iam.workloadIdentityUser", RESOURCE, ACCOUNT, Exposure.OPEN_FEDERATION, 0.78, 92),
    ("roles/iam.serviceAccountUser", PROJECT, "", USER, 0.50, 57),
    ("roles/iam.serviceAccountUser", RESOURCE, ACCOUNT, USER, 0.50, 39),
    ("roles/container.developer", PROJECT, "", USER, 0.66, 72),
    ("roles/container.admin", PROJECT, "", USER, 0.66, 72),
    ("roles/iam.workloadIdentityPoolAdmin", PROJECT, "", USER, 0.92, 95),
    ("roles/secretmanager.secretAccessor", PROJECT, "", KSA, 0.47, 47),
    ("roles/secretmanager.secretAccessor", RESOURCE, SECRET, KSA, 0.47, 31),
    ("roles/storage.objectViewer", RESOURCE, BUCKET, Exposure.PUBLIC, 0.16, 33),
    ("roles/storage.objectAdmin", RESOURCE, BUCKET, Exposure.PUBLIC, 0.69, 94),
    ("roles/storage.objectViewer", PROJECT, "", KSA, 0.16, 16),
    ("roles/storage.objectViewer", RESOURCE, BUCKET, KSA, 0.16, 10),
    ("roles/viewer", PROJECT, "", USER, 0.35, 40),
    ("roles/viewer", PROJECT, "", Exposure.EXTERNAL, 0.35, 58),
    ("roles/iam.securityReviewer", ORG, "", USER, 0.03, 6),
    ("roles/logging.logWriter", PROJECT, "", SA, 0.16, 16),
    ("roles/monitoring.admin", PROJECT, "", SA, 0.34, 34),
    ("roles/container.serviceAgent", PROJECT, "", Exposure.SERVICE_AGENT, 0.71, 35),
    ("roles/container.serviceAgent", PROJECT, "", USER, 0.71, 77),
]


@pytest.mark.parametrize(("role", "level", "kind", "exposure", "intrinsic", "expected"), MEASURED)
def test_measured_scores(role, level, kind, exposure, intrinsic, expected):
    risk = RoleCatalogue.built_in().risk(role)
    assert impact(risk, level, kind) == pytest.approx(intrinsic, abs=0.0051)
    assert score(risk, level, exposure, kind=kind) == pytest.approx(expected, abs=0.51)


PERMISSIONS = st.sampled_from(
    [
        *dangerous_permissions(),
        "example.things.get",
        "example.things.delete",
        "example.things.create",
        "example.things.setIamPolicy",
    ]
)
HELD = st.sets(PERMISSIONS, max_size=10)
KIND = st.sampled_from(["", ACCOUNT, BUCKET, "example.googleapis.com/Thing"])
LEVELS, EXPOSURES = st.sampled_from(Level), st.sampled_from(Exposure)


@given(HELD, PERMISSIONS, LEVELS, EXPOSURES, KIND, st.booleans())
def test_a_permission_more_never_lowers_the_score(held, more, level, exposure, kind, bounded):
    before = score(risk_of(held), level, exposure, kind=kind, time_bounded=bounded)
    assert score(risk_of({*held, more}), level, exposure, kind=kind, time_bounded=bounded) >= before


@given(HELD, EXPOSURES, KIND)
def test_a_wider_scope_never_lowers_the_score(held, exposure, kind):
    scores = [score(risk_of(held), level, exposure, kind=kind) for level in Level]
    assert scores == sorted(scores)


@given(HELD, LEVELS, EXPOSURES, EXPOSURES)
def test_a_wider_principal_never_lowers_the_score(held, level, one, other):
    narrow, wide = sorted((one, other), key=lambda exposure: exposure.exponent)
    assert score(risk_of(held), level, narrow) <= score(risk_of(held), level, wide)


@given(HELD, LEVELS, EXPOSURES, KIND)
def test_the_score_is_bounded_and_a_time_limit_never_raises_it(held, level, exposure, kind):
    value = score(risk_of(held), level, exposure, kind=kind)
    assert 0 <= value <= 100
    assert score(risk_of(held), level, exposure, kind=kind, time_bounded=True) <= value


@given(st.dictionaries(LEVELS, HELD, max_size=4), LEVELS, PERMISSIONS)
def test_a_permission_more_anywhere_above_never_lowers_the_impact(masks, level, more):
    before = {at: risk_of(held) for at, held in masks.items()}
    after = {at: risk_of(held) for at, held in {**masks, level: {*masks.get(level, set()), more}}.items()}
    assert impact_through(after, ACCOUNT) >= impact_through(before, ACCOUNT)


def test_exponent_zero_leaves_the_impact_as_it_is():
    risk = risk_of(["iam.serviceAccounts.getAccessToken"])
    assert score(risk, PROJECT, Exposure.WORKLOAD) == pytest.approx(100 * impact(risk, PROJECT))


@pytest.mark.parametrize(
    ("value", "severity"),
    [(100, Severity.CRITICAL), (89.5, Severity.CRITICAL), (89.4, Severity.HIGH), (70, Severity.HIGH),
     (69.4, Severity.MEDIUM), (40, Severity.MEDIUM), (39.4, Severity.LOW), (15, Severity.LOW), (14.4, Severity.INFO),
     (0, Severity.INFO)],
)  # fmt: skip
def test_bands(value, severity):
    assert band(value) is severity
