"""Roles judged by their use: what was seen, what could not have been, and what would do instead."""

from datetime import UTC, datetime, timedelta

import pytest

from bindwatch.access.rightsizing import Rightsizing, Use, Verdict
from bindwatch.inventory import InventoryBuilder, Origin, Part
from bindwatch.inventory.hierarchy import Group, Project
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.finding import Confidence
from bindwatch.model.policy import AuditConfig, AuditLogConfig, Binding, Condition, Policy
from bindwatch.model.resource import project_name

DEMO, OTHER = project_name("demo"), project_name("other")
BUCKET = "//storage.googleapis.com/reports"
ADA = "user:ada@example.com"
GET, LIST, DELETE, SET = (
    "storage.objects.get", "storage.objects.list", "storage.objects.delete", "storage.buckets.setIamPolicy",
)  # fmt: skip
START, STOP = "compute.instances.start", "compute.instances.stop"
CATALOGUE = RoleCatalogue.of(
    {
        "roles/example.storageAdmin": [GET, LIST, DELETE, SET],
        "roles/example.objectReader": [GET, LIST],
        "roles/example.operator": [START, STOP],
        "roles/example.starter": [START],
    },
    source="s",
    as_of="2026-08-22",
)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ALL = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")


def inventory(*bindings, types=ALL, resource=DEMO, groups=()):
    builder = InventoryBuilder()
    for name, number in (("demo", "111111111111"), ("other", "222222222222")):
        builder.add(Project(name=project_name(name), id=name, number=number), Origin("a", 1))
    for group in groups:
        builder.add(group, Origin("g", 1))
    builder.set_home(BUCKET, "demo")
    audits = (AuditConfig("allServices", tuple(AuditLogConfig(kind) for kind in types)),)
    policies = {DEMO: Policy(audit_configs=audits)}
    policies[resource] = Policy(tuple(bindings), audits if resource == DEMO else ())
    for name, policy in policies.items():
        builder.add_policy(name, policy)
        builder.saw(Part.POLICIES, name)
    return builder.build()


def used(*uses, identity=ADA, days=100, logs=(("demo", "activity"), ("demo", "data_access"))):
    use = Use()
    for project, log in logs:
        use.saw((NOW - timedelta(days=days)).isoformat(), project, log)
        use.saw(NOW.isoformat(), project, log)
    for permission, resource in uses:
        for day in range(10):
            use.add(identity, permission, resource, (NOW - timedelta(days=day)).isoformat())
    return use


def judged(found, use, **more):
    return list(Rightsizing(found, CATALOGUE, use, NOW, **more).all())


def test_a_role_nobody_used_is_unused_and_can_be_taken_away_and_given_back():
    (one,) = judged(inventory(Binding("roles/example.operator", (ADA,))), used())
    assert (one.verdict, one.confidence) == (Verdict.UNUSED, Confidence.HIGH)
    fix = one.remedy()
    assert fix is not None
    assert len(fix.commands) == len(fix.undo) == 1
    assert "remove-iam-policy-binding demo" in fix.commands[0]
    assert "add-iam-policy-binding demo" in fix.undo[0]
    assert "yearly job" in fix.risk_of_fix


def test_a_narrower_role_lower_down_before_the_wide_one_goes():
    uses = [(GET, f"{BUCKET}/objects/a"), (LIST, BUCKET)]
    (one,) = judged(inventory(Binding("roles/example.storageAdmin", (ADA,))), used(*uses))
    assert one.verdict is Verdict.NARROWER
    assert [(place.resource, place.cover.roles, place.cover.extra) for place in one.places] == [
        (BUCKET, ("roles/example.objectReader",), ())
    ]
    assert one.surplus == 2
    assert one.custom == (GET, LIST)
    fix = one.remedy()
    assert fix is not None
    assert [command.split()[3][:3] for command in fix.commands] == ["add", "rem"] or "add-iam" in fix.commands[0]
    assert "remove-iam-policy-binding demo" in fix.commands[-1]
    assert "add-iam-policy-binding demo" in fix.undo[0]
    assert 'resource "google_storage_bucket_iam_member"' in fix.terraform
    assert 'bucket = "reports"' in fix.terraform


def test_two_roles_on_one_resource_are_judged_by_what_they_allow_together():
    found = inventory(Binding("roles/example.operator", (ADA,)), Binding("roles/example.objectReader", (ADA,)))
    (one,) = judged(found, used((START, DEMO)))
    assert one.roles == ("roles/example.operator", "roles/example.objectReader")
    assert one.places[0].cover.roles == ("roles/example.starter",)
    assert one.surplus == 3


def test_a_role_that_stays_is_not_granted_again():
    found = inventory(Binding("roles/example.operator", (ADA,)), Binding("roles/example.starter", (ADA,)))
    (one,) = judged(found, used((START, DEMO)))
    fix = one.remedy()
    assert fix is not None
    assert [("add-" in text, "roles/example.operator" in text) for text in fix.commands] == [(False, True)]


@pytest.mark.parametrize(
    ("types", "logs"),
    [
        ((), (("demo", "activity"), ("demo", "data_access"))),
        (("DATA_READ",), (("demo", "activity"), ("demo", "data_access"))),
        (ALL, (("demo", "activity"),)),
        (ALL, (("other", "activity"), ("other", "data_access"))),
    ],
    ids=["logs off", "one type off", "data access not read", "another project's logs"],
)
def test_what_no_log_could_show_is_never_unused(types, logs):
    found = inventory(Binding("roles/example.objectReader", (ADA,)), types=types)
    (one,) = judged(found, used(logs=logs))
    assert (one.verdict, one.confidence) == (Verdict.NOT_OBSERVABLE, Confidence.LOW)
    assert one.remedy() is None


def test_without_logs_nothing_is_said_of_use():
    (one,) = judged(inventory(Binding("roles/example.operator", (ADA,))), Use())
    assert one.verdict is Verdict.CANNOT_TELL
    assert one.remedy() is None


def test_a_role_that_fits_is_left_alone():
    (one,) = judged(inventory(Binding("roles/example.operator", (ADA,))), used((START, DEMO), (STOP, DEMO)))
    assert one.verdict is Verdict.FITS
    assert one.remedy() is None


@pytest.mark.parametrize("role", ["roles/example.unheard", "projects/demo/roles/unheard"])
def test_a_role_nobody_knows_is_not_judged(role):
    (one,) = judged(inventory(Binding(role, (ADA,))), used())
    assert one.verdict is Verdict.CANNOT_TELL
    assert role in one.notes[0]


def test_members_of_a_group_use_what_the_group_has():
    group = Group(email="ops@example.com", members=(ADA,))
    binding = Binding("roles/example.operator", ("group:ops@example.com",))
    (known,) = judged(inventory(binding, groups=(group,)), used((START, DEMO)))
    assert known.used == (START,)
    (unread,) = judged(inventory(binding), used((START, DEMO)))
    assert unread.verdict is Verdict.CANNOT_TELL


def test_emergencies_and_rare_jobs_are_called_out():
    binding = Binding("roles/example.operator", ("user:breakglass@example.com",))
    (one,) = judged(inventory(binding), used())
    assert "emergencies" in one.notes[0]
    assert one.confidence is Confidence.LOW
    use = used()
    use.add(ADA, START, DEMO, NOW.isoformat())
    (rare,) = judged(inventory(Binding("roles/example.operator", (ADA,))), use)
    assert any("once a year" in note for note in rare.notes)
    (told,) = judged(
        inventory(Binding("roles/example.operator", (ADA,))), used(), is_break_glass=lambda one: one.member == ADA
    )
    assert "emergencies" in told.notes[0]


@pytest.mark.parametrize(("days", "confidence"), [(100, Confidence.HIGH), (40, Confidence.MEDIUM), (5, Confidence.LOW)])
def test_a_longer_window_makes_surer(days, confidence):
    (one,) = judged(inventory(Binding("roles/example.operator", (ADA,))), used(days=days))
    assert one.confidence is confidence


def test_a_condition_is_kept_in_the_command_that_takes_the_role_away():
    condition = Condition("request.time < timestamp('2030-01-01T00:00:00Z')", "until 2030")
    (one,) = judged(inventory(Binding("roles/example.operator", (ADA,), condition)), used())
    fix = one.remedy()
    assert fix is not None
    assert "until 2030" in fix.commands[0]
    assert "until 2030" in fix.undo[0]
