"""A diagnosis as plain fields: the published JSON, whose schema is `data/diagnosis.schema.json`."""

from typing import Any

from bindwatch.diagnosis.chain import Blame, Diagnosis
from bindwatch.diagnosis.effect import effect
from bindwatch.diagnosis.outcome import Evidence, Fix
from bindwatch.inventory.workloads import Workload
from bindwatch.model.record import source_record


def diagnosis_record(diagnosis: Diagnosis) -> dict[str, Any]:
    """The fields of a diagnosis under their published names, in a stable order."""
    case = diagnosis.case
    return {
        "workload": {
            "cluster": case.cluster_name,
            "namespace": case.namespace,
            "service_account": case.name,
            "pool": case.pool,
            "member": case.member,
            "google_service_account": case.email or None,
            "runners": [
                f"{runner.kind if isinstance(runner, Workload) else 'Pod'}/{runner.name}" for runner in case.runners
            ],
        },
        "style": diagnosis.style.value,
        "steps": [
            {"id": result.step.value, "status": result.status.value, "evidence": list(result.evidence)}
            for result in diagnosis.steps
        ],
        "root_cause": blame_record(diagnosis.root) if diagnosis.root is not None else None,
        "other_causes": [blame_record(blame) for blame in diagnosis.others],
        "ruled_out": [cause.id for cause, _ in diagnosis.ruled_out],
        "not_checked": [{"id": item.cause.id, "needs": item.needs} for item in diagnosis.not_checked],
    }


def blame_record(blame: Blame) -> dict[str, Any]:
    """One cause that holds."""
    return {
        "id": blame.cause.id,
        "title": blame.cause.title,
        "step": blame.cause.step.value,
        "evidence": [_evidence_record(item) for item in blame.evidence],
        "fix": fix_record(blame.found.fix),
    }


def fix_record(fix: Fix) -> dict[str, Any]:
    """What puts a cause right: commands in the order to run them, and those that undo them."""
    remediation = fix.remediation
    return {
        "summary": remediation.summary,
        "commands": list(remediation.commands),
        "effects": [effect(change) for change in fix.changes],
        "undo": list(remediation.undo),
        "risk_of_fix": remediation.risk_of_fix,
        "outside_inventory": fix.outside or None,
    }


def _evidence_record(evidence: Evidence) -> dict[str, Any]:
    return {"text": evidence.text, "source": source_record(evidence.source) if evidence.source is not None else None}
