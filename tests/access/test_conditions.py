import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.access.conditions import Circumstances, ends_within, evaluate, is_over, narrows, refers_to_resource

# A Wednesday, 09:30 in New York, 14:30 UTC.
NOW = datetime(2026, 1, 14, 14, 30, 5, tzinfo=UTC)
BUCKET = Circumstances(
    time=NOW,
    resource_name="projects/_/buckets/reports-eu/objects/2026/a.csv",
    resource_type="storage.googleapis.com/Object",
    resource_service="storage.googleapis.com",
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("true", True),
        ("false", False),
        ("request.time < timestamp('2027-01-01T00:00:00Z')", True),
        ("request.time < timestamp('2026-01-14T14:30:04Z')", False),
        ("request.time > timestamp('2026-01-14T09:00:00-05:00') + duration('3600s')", False),
        ("request.time.getHours() == 14", True),
        ("request.time.getHours('America/New_York') == 9", True),
        ("request.time.getHours('-05:00') == 9", True),
        ("request.time.getHours('Mars/Olympus') == 9", None),
        ("request.time.getDayOfWeek('Europe/Berlin') == 3", True),
        ("request.time.getFullYear() == 2026 && request.time.getMonth() == 0", True),
        ("request.time.getDate() == 14 && request.time.getDayOfMonth() == 13", True),
        (
            "request.time.getDayOfYear() == 13 && request.time.getMinutes() == 30 && request.time.getSeconds() == 5",
            True,
        ),
        ("resource.name.startsWith('projects/_/buckets/reports-')", True),
        ("resource.name.endsWith('.json')", False),
        ("resource.type == 'storage.googleapis.com/Object'", True),
        ("resource.service == 'compute.googleapis.com'", False),
        ("resource.name.extract('/buckets/{name}/') == 'reports-eu'", True),
        ("resource.name.extract('objects/{path}') == '2026/a.csv'", True),
        ("resource.name.extract('/instances/{name}/') == ''", True),
        ("resource.name.extract('no template') == ''", None),
        ("resource.name.contains('reports')", True),
        ("resource.matchTag('123/env', 'prod')", None),
        ("resource.hasTagKey('123/env') || true", True),
        ("resource.hasTagKey('123/env') && false", False),
        ("!resource.hasTagKey('123/env')", None),
        ("'accessPolicies/1/accessLevels/corp' in request.auth.access_levels", None),
        ("api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/viewer'])", None),
        ("destination.port == 22", None),
        ("request.time", None),
        ("'text'", None),
        ("", None),
        ("resource.name ==", None),
        ("[1, 2].all(x, [1, 2].all(y, true))", None),
        ("true " * 5000, None),
        ("(" * 3000, None),
    ],
)
def test_what_a_condition_says(expression, expected):
    assert evaluate(expression, BUCKET) is expected


def test_what_is_not_told_is_unknown():
    assert evaluate("request.time < timestamp('2027-01-01T00:00:00Z')", Circumstances()) is None
    assert evaluate("resource.name == 'x'", Circumstances(time=NOW)) is None
    assert evaluate("resource.type == 'x' || resource.name == 'y'", Circumstances(resource_name="y")) is True


def test_tags_where_they_are_known():
    tagged = Circumstances(tags=(("123/env", "prod"),))
    assert evaluate("resource.matchTag('123/env', 'prod')", tagged) is True
    assert evaluate("resource.matchTag('123/env', 'dev')", tagged) is False
    assert evaluate("resource.hasTagKey('123/team')", tagged) is False


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("resource.name == 'projects/_/buckets/b'", True),
        ("resource.name.startsWith('projects/_/buckets/b') && request.time < timestamp('2030-01-01T00:00:00Z')", True),
        ("resource.type == 'storage.googleapis.com/Bucket' && resource.name.startsWith('projects/_/buckets/b')", True),
        ("resource.type != 'storage.googleapis.com/Bucket' || resource.name.startsWith('projects/_/buckets/b')", False),
        ("resource.type == 'storage.googleapis.com/Bucket'", False),
        ("!resource.name.startsWith('projects/_/buckets/b')", False),
        ("resource.name.startsWith('projects/')", False),
        ("request.time < timestamp('2030-01-01T00:00:00Z')", False),
        ("resource.name == ", False),
    ],
)
def test_which_conditions_leave_only_named_resources(expression, expected):
    assert narrows(expression, ("projects/demo", "projects/123456789012"), NOW) is expected


def test_time_limits():
    limit = "request.time < timestamp('2026-01-15T00:00:00Z')"
    assert ends_within(limit, NOW, timedelta(hours=24))
    assert not ends_within(limit, NOW, timedelta(hours=1))
    assert not ends_within(limit, NOW + timedelta(days=2), timedelta(hours=24))
    assert is_over(limit, NOW + timedelta(days=2))
    assert not is_over(limit, NOW)
    assert not is_over("resource.name == 'x'", NOW)
    assert ends_within(f"resource.name == 'x' && {limit}", NOW, timedelta(hours=24))


def test_what_refers_to_the_resource():
    assert refers_to_resource("resource.name == 'x'")
    assert refers_to_resource("no (sense")
    assert not refers_to_resource("request.time < timestamp('2026-01-15T00:00:00Z')")


@given(st.text(max_size=200))
def test_any_text_has_an_answer(expression):
    assert evaluate(expression, BUCKET) in (True, False, None)


def test_the_evaluator_brings_no_terminal_toolkit():
    program = (
        "import sys; from bindwatch.access.conditions import Circumstances, evaluate; "
        "assert evaluate('1 < 2', Circumstances()) is True; "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "print(*sorted(loaded & {'prompt_toolkit', 'rich', 'typer', 'pygments'}))"
    )
    source = Path(__file__).parents[2] / "functions"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=source)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr
