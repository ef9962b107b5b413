"""Audit logs of a fictional company, made from a seed: for tests, benchmarks and the demonstration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from generate import administration, platform, suspicious, workloads
from generate.fleet import Fleet
from generate.scribe import Json, Scribe

__all__ = ["BUSY", "HEALTHY", "Fleet", "Scribe", "generate_entries"]

Story = Callable[[Scribe, Fleet], list[Json]]
"""Something that happens: the entries it leaves, in their order."""

EVERYDAY_ADMINISTRATION: Mapping[Story, float] = {
    administration.deploy_grants_reader: 1.0,
    administration.deploy_grants_metrics_writer: 1.0,
    administration.deploy_creates_workload: 0.5,
    administration.deploy_updates_service: 1.0,
    administration.person_creates_bucket: 0.5,
    administration.person_edits_alert: 1.0,
    administration.dns_changes: 1.5,
    platform.encryption_key_rotates: 0.5,
}

SUSPICIOUS_ADMINISTRATION: Mapping[Story, float] = dict.fromkeys(
    (
        suspicious.project_role_is_granted,
        suspicious.bucket_is_published,
        suspicious.key_is_created,
        suspicious.pool_is_trusted_whole,
        suspicious.provider_condition_is_emptied,
        suspicious.logging_is_weakened,
        suspicious.audit_logs_are_switched_off,
        suspicious.owner_is_invited,
        suspicious.role_grows,
        suspicious.account_in_use_is_disabled,
        suspicious.person_mints,
    ),
    0.08,
)

DAILY_WORK: Mapping[Story, float] = {
    workloads.mint_by_workload: 42.0,
    workloads.pipeline_signs_in: 1.0,
    workloads.read_object: 18.0,
    workloads.run_query: 4.0,
    workloads.read_table: 4.0,
    workloads.read_secret: 5.0,
    workloads.read_topic: 2.0,
    platform.controller_works: 8.0,
    platform.node_gets_pod_token: 4.0,
    platform.node_certificate_rotates: 0.4,
    platform.group_is_resized: 1.2,
    platform.host_is_maintained: 0.3,
    administration.terraform_reads_policy: 2.6,
    administration.security_reads_organization: 0.2,
}

HEALTHY: Mapping[Story, float] = {**DAILY_WORK, **EVERYDAY_ADMINISTRATION}
"""A day on which nothing is wrong; about eight entries in a hundred change something."""

BUSY: Mapping[Story, float] = {**HEALTHY, **SUSPICIOUS_ADMINISTRATION}
"""A healthy day with, here and there, one of each change that somebody should look at."""

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def generate_entries(
    n: int,
    seed: int = 1,
    mix: Mapping[Story, float] = HEALTHY,
    *,
    projects: int = 24,
    start: datetime = START,
    mean_gap: timedelta = timedelta(milliseconds=500),
) -> Iterator[bytes]:
    """Exactly `n` entries, one line of JSON each, oldest first; the same for the same arguments."""
    fleet = Fleet.build(seed, projects)
    scribe = Scribe(seed, start, mean_gap)
    stories, weights = list(mix), list(mix.values())
    written = 0
    while written < n:
        for story in scribe.rng.choices(stories, weights, k=256):
            for entry in story(scribe, fleet)[: n - written]:
                yield json.dumps(entry, separators=(",", ":")).encode() + b"\n"
                written += 1
            scribe.pass_time()
            if written == n:
                return
