-- What is to be announced now, oldest first, with everything a subscriber needs?
-- A reminder is of an open finding that nobody was told of for so many days and that has no news.
-- @now timestamp: what is due later is left out.
-- @remind_days integer = 0: after how many days to remind; 0 for never.
-- @remind_level integer = 0: the least severe finding to be reminded of, 4 for CRITICAL to 0 for INFO.
with told as (
    select
        finding_id,
        count(distinct alert_id) as alerts,
        max(recorded_at) as told_at
    from `${dataset}.alert_events`
    where
        kind = 'finding'
        and phase = 'SENT'
    group by finding_id
),

news as (
    select distinct finding_id
    from `${dataset}.alerts_due`
    where kind = 'finding'
),

muted as (
    select distinct finding_id
    from `${dataset}.muted_findings`
    where expires_at > @now
),

reminders as (
    select
        concat(findings.finding_id, '-reminder-', cast(told.alerts + 1 as string)) as alert_id,
        findings.finding_id,
        findings.state,
        findings.severity_level,
        told.told_at
    from `${dataset}.findings` as findings
    inner join told on findings.finding_id = told.finding_id
    left join news on findings.finding_id = news.finding_id
    left join muted on findings.finding_id = muted.finding_id
    where
        @remind_days > 0
        and findings.state = 'OPEN'
        and findings.severity_level >= @remind_level
        and unix_seconds(@now) - unix_seconds(told.told_at) >= @remind_days * 86400
        and news.finding_id is null
        and muted.finding_id is null
),

due as (
    select
        alert_id,
        kind,
        finding_id,
        scope,
        state,
        severity_level,
        reason,
        due_at,
        critical,
        high,
        medium,
        low,
        info
    from `${dataset}.alerts_due`
    where due_at <= @now
    union all
    select
        alert_id,
        'finding' as kind,
        finding_id,
        '' as scope,
        state,
        severity_level,
        'reminder' as reason,
        told_at as due_at,
        0 as critical,
        0 as high,
        0 as medium,
        0 as low,
        0 as info
    from reminders
)

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
from due
left join `${dataset}.findings` as findings on due.finding_id = findings.finding_id
order by due.due_at, due.alert_id
