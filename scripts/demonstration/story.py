"""The day as the audit logs tell it: everyday work, and between it what the intruder did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from demonstration.company import (
    ANY_PIPELINE,
    API,
    AUTOMATION,
    BILLING,
    DATA_CLUSTER,
    DEPLOYER,
    FIRST_GATEWAY,
    GATEWAY,
    IMPORTER,
    INDEXER,
    INTRUDER,
    LOADER,
    MAIN_BRANCH,
    NEW_KEY,
    NOTEBOOKS,
    OLD_KEY,
    PIPELINES,
    PROJECTS,
    REPORTS,
    SANDBOX,
    SECURITY,
    SHIPPING,
    SHOP,
    SHOP_CLUSTER,
    STAGE_API,
    STAGE_CLUSTER,
    TERRAFORM,
    WORKLOADS,
)
from generate import administration, platform, workloads
from generate.fleet import Fleet, Project
from generate.scribe import Check, Json, Scribe, key_name, person, service

DAY = datetime(2026, 11, 2, tzinfo=UTC)
TOOL = "python-requests/2.32.5,gzip(gfe)"

FLEET = Fleet(
    projects=PROJECTS,
    clusters=(SHOP_CLUSTER, STAGE_CLUSTER, DATA_CLUSTER),
    workloads=tuple(item.workload for item in WORKLOADS if item.workload.account in (API, STAGE_API)),
    people=("ada@example.com", "grace@example.com", "radia@example.com"),
    deployer=TERRAFORM,
    repository=MAIN_BRANCH,
    pipeline_pool=PIPELINES,
)

EVERYDAY: tuple[Callable[[Scribe, Fleet], list[Json]], ...] = (
    workloads.mint_by_workload,
    workloads.read_object,
    workloads.mint_by_workload,
    workloads.read_secret,
    platform.node_gets_pod_token,
    workloads.mint_by_workload,
    workloads.pipeline_signs_in,
    administration.terraform_reads_policy,
    administration.deploy_grants_metrics_writer,
    platform.controller_works,
    administration.deploy_updates_service,
    platform.group_is_resized,
    administration.person_edits_alert,
    workloads.run_query,
)

THIEF = service(DEPLOYER, ip=INTRUDER, agent=TOOL, key=key_name(DEPLOYER, OLD_KEY))
"""Whoever holds the leaked key."""


def lists_accounts(scribe: Scribe, home: Project) -> Json:
    """What is there to steal? ListServiceAccounts in one project."""
    parent = f"projects/{home.id}"
    return scribe.write(
        administration.IAM,
        "google.iam.admin.v1.ListServiceAccounts",
        THIEF,
        place=home,
        log="data_access",
        status={},
        resource={"type": "project", "labels": {"project_id": home.id}},
        resource_name=parent,
        checks=(Check("iam.serviceAccounts.list", parent, "ADMIN_READ"),),
        request={
            "@type": "type.googleapis.com/google.iam.admin.v1.ListServiceAccountsRequest",
            "name": parent,
            "page_size": 100,
        },
    )


def reads_policy(scribe: Scribe, home: Project) -> Json:
    """Who may what? GetIamPolicy of one project."""
    name = f"projects/{home.id}"
    return scribe.write(
        administration.RESOURCE_MANAGER,
        "GetIamPolicy",
        THIEF,
        place=home,
        log="data_access",
        status={},
        resource={"type": "project", "labels": {"project_id": home.id}},
        resource_name=name,
        checks=(Check("resourcemanager.projects.getIamPolicy", name, "ADMIN_READ"),),
        request={"@type": "type.googleapis.com/google.iam.v1.GetIamPolicyRequest", "resource": home.id},
    )


def told(scribe: Scribe) -> Iterator[Json]:
    """Everything that happened, in the order it was written down."""

    def at(hour: int, minute: int, second: int = 0, days_ago: int = 0) -> None:
        scribe.now = DAY + timedelta(days=-days_ago, hours=hour, minutes=minute, seconds=second)

    radia = person("radia@example.com", agent=scribe.gcloud("iam.service-accounts"))

    # Four days before, somebody tidied up.
    at(15, 2, 11, days_ago=4)
    yield administration.change_account(scribe, radia, FIRST_GATEWAY, "Delete")
    at(15, 9, 40, days_ago=4)
    yield administration.create_account(scribe, radia, GATEWAY)
    at(15, 31, 5, days_ago=4)
    yield administration.change_account(scribe, radia, SHIPPING, "Disable")

    # The morning as always.
    at(8, 30)
    for story in EVERYDAY * 2:
        yield from story(scribe, FLEET)
        scribe.pass_time()

    # The leaked key of the old deployer looks around …
    at(9, 12, 3)
    for home in PROJECTS:
        yield lists_accounts(scribe, home)
        scribe.now += timedelta(seconds=2)
        yield reads_policy(scribe, home)
        scribe.now += timedelta(seconds=2)

    # … and tries every account it found.
    at(9, 19, 50)
    for who in (API, INDEXER, IMPORTER, GATEWAY, REPORTS, LOADER, BILLING, STAGE_API, NOTEBOOKS, TERRAFORM):
        yield workloads.mint(scribe, THIEF, who, denied=True)
        scribe.now += timedelta(seconds=3)

    # It may write policies, so it makes itself ways to come back.
    at(9, 31, 27)
    grant = administration.delta("ADD", "roles/iam.workloadIdentityUser", ANY_PIPELINE)
    yield administration.set_account_policy(scribe, THIEF, DEPLOYER, [grant])
    at(9, 33, 2)
    yield administration.change_provider(
        scribe, THIEF, PIPELINES, AUTOMATION, {"attributeCondition": ""}, mask="attributeCondition"
    )
    at(9, 38, 12)
    yield administration.create_key(scribe, THIEF, API, NEW_KEY)

    # A person becomes an account that only a workload ever was.
    at(9, 44, 31)
    eve = person("eve@example.com", ip=INTRUDER, agent=scribe.gcloud("auth.print-access-token"))
    yield workloads.mint(scribe, eve, BILLING)

    # The logs that would tell are switched off, …
    at(10, 2, 40)
    yield sink_loses_entries(scribe)
    at(10, 5, 18)
    off = [
        {"action": "REMOVE", "service": "allServices", "logType": kind}
        for kind in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
    ]
    yield administration.set_project_policy(scribe, THIEF, SHOP, [], audit_deltas=off)

    # … and what was found leaves the company.
    at(10, 10, 55)
    yield administration.invite_owner(scribe, eve, SANDBOX, "user:visitor@gmail.com")
    at(10, 20, 7)
    public = administration.delta("ADD", "roles/storage.objectViewer", "allUsers")
    yield administration.set_bucket_policy(scribe, THIEF, SHOP, f"{SHOP.id}-exports", [public])

    at(10, 30)
    for story in EVERYDAY:
        yield from story(scribe, FLEET)
        scribe.pass_time()


def sink_loses_entries(scribe: Scribe) -> Json:
    """The sink of the security team leaves out token minting from now on."""
    excluded = {"name": "noise", "filter": 'protoPayload.serviceName="iamcredentials.googleapis.com"'}
    return administration.change_sink(
        scribe,
        THIEF,
        SECURITY,
        "bindwatch",
        "update",
        sink={"name": "bindwatch", "exclusions": [excluded]},
        updateMask="exclusions",
    )


def audit_log() -> list[Json]:
    """The day's entries."""
    return list(told(Scribe(seed=2, start=DAY, mean_gap=timedelta(seconds=20))))
