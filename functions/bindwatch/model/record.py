"""A finding as plain fields: the one shape that JSON output, stored rows and alerts share."""

from typing import Any

from bindwatch.model.finding import AssetRef, Finding, LogRef, Source


def finding_record(finding: Finding) -> dict[str, Any]:
    """The fields of a finding under their published names, values as JSON types, in a stable order."""
    remediation = finding.remediation
    return {
        "finding_id": finding.finding_id,
        "rule_id": finding.rule_id,
        "severity": finding.severity.name,
        "confidence": finding.confidence.value,
        "category": finding.category.value,
        "state": finding.state.value,
        "title": finding.title,
        "explanation": finding.explanation,
        "resource_name": finding.resource_name,
        "project": finding.project,
        "principal": finding.principal,
        "subject": finding.subject,
        "evidence": [source_record(source) for source in finding.evidence],
        "notes": list(finding.notes),
        "cause": finding.cause,
        "ruled_out": list(finding.ruled_out),
        "remediation": {
            "summary": remediation.summary,
            "commands": list(remediation.commands),
            "terraform": remediation.terraform,
            "risk_of_fix": remediation.risk_of_fix,
            "undo": list(remediation.undo),
        }
        if remediation
        else None,
        "techniques": list(finding.techniques),
        "score": finding.score,
    }


def source_record(source: Source) -> dict[str, str]:
    """One piece of evidence: a log entry with its link, or an inventory item with its etag."""
    match source:
        case LogRef():
            return {
                "log_name": source.log_name,
                "insert_id": source.insert_id,
                "timestamp": source.timestamp,
                "url": source.url,
            }
        case AssetRef():
            return {"asset": source.asset, "etag": source.etag}
