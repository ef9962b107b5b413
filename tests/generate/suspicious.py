"""Changes somebody should look at: each a near relative of an everyday one."""

from __future__ import annotations

from generate.administration import (
    change_account,
    change_provider,
    change_role,
    change_sink,
    create_key,
    delta,
    invite_owner,
    set_account_policy,
    set_bucket_policy,
    set_project_policy,
)
from generate.fleet import Fleet
from generate.scribe import Caller, Json, Scribe, person
from generate.workloads import mint


def at_terminal(scribe: Scribe, fleet: Fleet, command: str) -> Caller:
    """One of the people, at a terminal outside the office."""
    return person(scribe.rng.choice(fleet.people), ip="192.0.2.66", agent=scribe.gcloud(command))


def project_role_is_granted(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A role that reaches every account of a project, or everything in it."""
    role = scribe.rng.choice(("roles/owner", "roles/editor", "roles/iam.serviceAccountTokenCreator"))
    member = scribe.rng.choice(("user:visitor@gmail.com", f"user:{fleet.people[-1]}", "group:contractors@example.com"))
    caller = at_terminal(scribe, fleet, "projects.add-iam-policy-binding")
    return [set_project_policy(scribe, caller, scribe.rng.choice(fleet.projects), [delta("ADD", role, member)])]


def bucket_is_published(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A bucket is opened to everybody."""
    project = scribe.rng.choice(fleet.projects)
    caller = at_terminal(scribe, fleet, "storage.buckets.add-iam-policy-binding")
    change = delta("ADD", "roles/storage.objectViewer", "allUsers")
    return [set_bucket_policy(scribe, caller, project, f"{project.id}-exports", [change])]


def key_is_created(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A key that never expires is made for a workload's account."""
    account = scribe.rng.choice(fleet.workloads).account
    return [
        create_key(scribe, at_terminal(scribe, fleet, "iam.service-accounts.keys.create"), account, scribe.token(40))
    ]


def pool_is_trusted_whole(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """An account is opened to every identity of a pool."""
    workload = scribe.rng.choice(fleet.workloads)
    member = f"principalSet://iam.googleapis.com/{fleet.pipeline_pool}/*"
    caller = at_terminal(scribe, fleet, "iam.service-accounts.add-iam-policy-binding")
    change = delta("ADD", "roles/iam.workloadIdentityUser", member)
    return [set_account_policy(scribe, caller, workload.account, [change])]


def provider_condition_is_emptied(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A provider accepts every token of its issuer from now on."""
    caller = at_terminal(scribe, fleet, "iam.workload-identity-pools.providers.update-oidc")
    provider: Json = {"attributeCondition": ""}
    return [
        change_provider(scribe, caller, fleet.pipeline_pool, fleet.projects[0], provider, mask="attributeCondition")
    ]


def logging_is_weakened(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A sink is deleted, or stops exporting some entries."""
    project = scribe.rng.choice(fleet.projects)
    if scribe.rng.random() < 0.5:
        return [change_sink(scribe, at_terminal(scribe, fleet, "logging.sinks.delete"), project, "security", "delete")]
    exclusion = {"name": "noise", "filter": 'protoPayload.serviceName="iamcredentials.googleapis.com"'}
    caller = at_terminal(scribe, fleet, "logging.sinks.update")
    sink = {"name": "security", "exclusions": [exclusion]}
    return [change_sink(scribe, caller, project, "security", "update", sink=sink, updateMask="exclusions")]


def audit_logs_are_switched_off(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Data access logs of IAM are switched off for a project."""
    off = [
        {"action": "REMOVE", "service": "iam.googleapis.com", "logType": kind} for kind in ("ADMIN_READ", "DATA_READ")
    ]
    caller = at_terminal(scribe, fleet, "projects.set-iam-policy")
    return [set_project_policy(scribe, caller, scribe.rng.choice(fleet.projects), [], audit_deltas=off)]


def owner_is_invited(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Somebody from outside is invited to own a project."""
    project = scribe.rng.choice(fleet.projects)
    return [invite_owner(scribe, person(scribe.rng.choice(fleet.people)), project, "user:visitor@gmail.com")]


def role_grows(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A custom role gains a permission that makes its holders somebody else."""
    project = scribe.rng.choice(fleet.projects)
    caller = at_terminal(scribe, fleet, "iam.roles.update")
    return [change_role(scribe, caller, project, "deployHelper", ["iam.serviceAccounts.getAccessToken"])]


def account_in_use_is_disabled(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """An account that a workload needs is disabled or deleted."""
    account = scribe.rng.choice(fleet.workloads).account
    verb = scribe.rng.choice(("Disable", "Delete"))
    return [change_account(scribe, at_terminal(scribe, fleet, f"iam.service-accounts.{verb.lower()}"), account, verb)]


def person_mints(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A person becomes a workload's account, or is refused."""
    account = scribe.rng.choice(fleet.workloads).account
    caller = at_terminal(scribe, fleet, "auth.print-access-token")
    return [mint(scribe, caller, account, denied=scribe.rng.random() < 0.5)]
