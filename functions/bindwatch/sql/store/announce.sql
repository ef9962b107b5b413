-- What is to be announced now, oldest first, with everything a subscriber needs?
-- @now timestamp: what is due later is left out.
select
    due.alert_id,
    due.kind,
    due.reason,
    due.state,
    due.due_at,
    due.scope,
    due.severity_level,
    due.critical,
    due.high,
    due.medium,
    due.low,
    due.info,
    findings.finding_id,
    findings.rule_id,
    findings.severity,
    findings.confidence,
    findings.category,
    findings.title,
    findings.explanation,
    findings.resource_name,
    findings.project,
    findings.principal,
    findings.subject,
    findings.evidence,
    findings.notes,
    findings.cause,
    findings.ruled_out,
    findings.remediation,
    findings.techniques,
    findings.score,
    findings.first_seen,
    findings.last_seen,
    findings.`count`,
    findings.state_since,
    findings.state_by,
    findings.state_reason,
    findings.reopened
from `${dataset}.alerts_due` as due
left join `${dataset}.findings` as findings on due.finding_id = findings.finding_id
where due.due_at <= @now
order by due.due_at, due.alert_id
