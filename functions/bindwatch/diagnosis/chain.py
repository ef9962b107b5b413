"""The diagnosis of one workload: every check of the chain, one root cause, what follows from it, what was ruled out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final

from bindwatch.diagnosis.case import Case, Style
from bindwatch.diagnosis.causes import CAUSE_BY_ID, CAUSES, EXPLAINS, Cause, Step
from bindwatch.diagnosis.checks import grants, identity, logs, network, node, pod
from bindwatch.diagnosis.outcome import Clear, Evidence, Found, Outcome, Unknown

Check = Callable[[Case], Outcome]


def _of_binding(cause: str) -> Check:
    return lambda case: grants.of_binding(case, cause)


def _of_target(cause: str) -> Check:
    return lambda case: grants.of_target(case, cause)


def _fleet_pool(case: Case) -> Outcome:
    return grants.fleet_pool_of_binding(case) or node.fleet_pool(case)


CHECKS: Final = MappingProxyType(
    {
        "default-ksa-used": pod.default_ksa_used,
        "host-network": pod.host_network,
        "key-file-shadows-workload-identity": pod.key_file,
        "projected-token-volume-missing": pod.token_volume_missing,
        "network-policy-blocks-metadata": network.network_policy,
        "dns-cannot-resolve-metadata": network.name_resolution,
        "metadata-startup-race": logs.startup_race,
        "non-pod-ip": logs.non_pod_ip,
        "unsupported-metadata-path": logs.unsupported_path,
        "audience-missing": logs.audience_missing,
        "token-not-refreshed": logs.token_not_refreshed,
        "too-many-metadata-connections": node.too_many_connections,
        "node-pool-not-gke-metadata": node.node_pool_metadata,
        "mixed-node-pools": node.mixed_node_pools,
        "node-scopes-too-narrow": node.node_scopes,
        "node-cannot-reach-token-service": network.token_services,
        "workload-identity-disabled": node.workload_identity_disabled,
        "fleet-pool-mismatch": _fleet_pool,
        "too-many-ksas": node.too_many_ksas,
        "control-plane-unreachable": logs.control_plane,
        "ksa-not-found": pod.ksa_not_found,
        "annotation-shadows-direct-grant": identity.annotation_shadows,
        "annotation-missing": identity.annotation_missing,
        "email-endpoint-returns-pool": identity.email_endpoint,
        "gsa-deleted": identity.account_deleted,
        "gsa-not-found": identity.account_not_found,
        "gsa-disabled": identity.account_disabled,
        "gsa-recreated": identity.account_recreated,
        "binding-removed": _of_binding("binding-removed"),
        "pool-of-another-project": _of_binding("pool-of-another-project"),
        "member-malformed": _of_binding("member-malformed"),
        "role-cannot-mint": _of_binding("role-cannot-mint"),
        "condition-not-met": _of_binding("condition-not-met"),
        "binding-missing": _of_binding("binding-missing"),
        "propagation-delay": grants.propagation,
        "deny-policy": grants.deny_policy,
        "principal-access-boundary": grants.access_boundary,
        "org-policy-blocked": grants.org_policy,
        "iamcredentials-api-disabled": grants.credentials_api,
        "token-quota-exceeded": grants.quota,
        "delegate-missing-token-creator": grants.delegation,
        "selector-malformed": _of_binding("selector-malformed"),
        "project-number-wrong": grants.project_number,
        "ksa-uid-stale": _of_binding("ksa-uid-stale"),
        "direct-grant-missing": _of_target("direct-grant-missing"),
        "service-rejects-federated-token": grants.federated_token_rejected,
        "target-role-missing": grants.target_role,
        "vpc-sc-blocked": logs.perimeter,
        "identity-sameness": grants.sameness,
    }
)
"""The check that decides each cause."""

SILENT: Final = frozenset({"identity-sameness"})
"""Causes that break nothing: too much access, which nobody notices."""


class StepStatus(StrEnum):
    """Whether a link of the chain holds."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One link of the chain: whether it holds, and what shows it."""

    step: Step
    status: StepStatus
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blame:
    """A cause that holds for the workload."""

    cause: Cause
    found: Found

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The facts that show it."""
        return self.found.evidence


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A cause nobody could look for, and what would have to be in the input."""

    cause: Cause
    needs: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with one workload. `root` is None where nothing was found, which speaks for passed steps only."""

    case: Case
    outcomes: tuple[tuple[Cause, Outcome], ...]
    root: Blame | None
    others: tuple[Blame, ...]

    @cached_property
    def steps(self) -> tuple[StepResult, ...]:
        """The links of the chain, nearest the pod first, without those that do not apply."""
        return _steps(self.outcomes)

    @cached_property
    def ruled_out(self) -> tuple[tuple[Cause, str], ...]:
        """The causes that do not hold, each with what shows it."""
        return tuple((cause, outcome.reason) for cause, outcome in self.outcomes if isinstance(outcome, Clear))

    @cached_property
    def not_checked(self) -> tuple[NotChecked, ...]:
        """The causes nobody could look for."""
        return tuple(
            NotChecked(cause, outcome.needs) for cause, outcome in self.outcomes if isinstance(outcome, Unknown)
        )

    @property
    def style(self) -> Style:
        """How the workload gets to Google Cloud."""
        return self.case.style

    @property
    def is_broken(self) -> bool:
        """Whether something was found that stops the workload."""
        return self.root is not None and self.root.cause.id not in SILENT


def diagnose(case: Case) -> Diagnosis:
    """Run every check. Equal inputs give equal diagnoses; nothing is looked up anywhere else."""
    outcomes = tuple([(cause, CHECKS[cause.id](case)) for cause in CAUSES])
    blames = [Blame(cause, outcome) for cause, outcome in outcomes if isinstance(outcome, Found)]
    root = _root(blames)
    others = tuple(blame for blame in blames if blame is not root)
    return Diagnosis(case=case, outcomes=outcomes, root=root, others=others)


def _root(blames: list[Blame]) -> Blame | None:
    """The nearest cause that no other one explains; what breaks nothing never stands before what does."""
    broken = [blame for blame in blames if blame.cause.id not in SILENT] or blames
    for blame in broken:
        explained = any(
            blame.cause.id in EXPLAINS.get(other.cause.id, frozenset()) | other.found.explains
            for other in broken
            if other is not blame
        )
        if not explained:
            return blame
    return broken[0] if broken else None


def _steps(outcomes: tuple[tuple[Cause, Outcome], ...]) -> tuple[StepResult, ...]:
    results = []
    for step in Step:
        mine = [(cause, outcome) for cause, outcome in outcomes if cause.step is step and outcome is not None]
        if not mine:
            continue
        bad = [outcome for _, outcome in mine if isinstance(outcome, Found)]
        unknown = [outcome for cause, outcome in mine if isinstance(outcome, Unknown) and not cause.from_logs]
        clear = [outcome for _, outcome in mine if isinstance(outcome, Clear) and not outcome.vacuous]
        if bad:
            status = StepStatus.FAILED
            evidence = [item.text for outcome in bad for item in outcome.evidence]
        elif unknown or not clear:
            status = StepStatus.NOT_CHECKED
            needs = unknown or [outcome for _, outcome in mine if isinstance(outcome, Unknown)]
            evidence = [f"needs: {outcome.needs}" for outcome in needs]
            evidence = evidence or [outcome.reason for _, outcome in mine if isinstance(outcome, Clear)]
        else:
            status = StepStatus.PASSED
            evidence = [outcome.reason for outcome in clear if outcome.reason]
        results.append(StepResult(step, status, tuple(dict.fromkeys(evidence))))
    return tuple(results)


def ranked(diagnosis: Diagnosis, causes: tuple[str, ...], decided: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The causes an error text can have, in the light of the checks: what was found, then what is open, then the rest.

    What was ruled out, or cannot be the case with such a workload, comes last: the text may stand for something that is
    over. But what the text shows by itself (`decided`) stays before all guesses.
    """
    held = [blame.cause.id for blame in (diagnosis.root, *diagnosis.others) if blame is not None]
    open_ones = {cause.id for cause, outcome in diagnosis.outcomes if isinstance(outcome, Unknown)}
    first = [cause for cause in held if cause in causes]
    still = [cause for cause in causes if cause in open_ones]
    return tuple(dict.fromkeys((*first, *decided, *held, *still, *causes)))


def cause(cause_id: str) -> Cause:
    """A cause by its id."""
    return CAUSE_BY_ID[cause_id]
