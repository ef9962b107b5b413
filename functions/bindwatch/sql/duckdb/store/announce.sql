-- The twin of ../../store/announce.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What is to be announced now, oldest first, with everything a subscriber needs?
-- A reminder is of an open finding that nobody was told of for so many days and that has no news.
-- @now timestamp: what is due later is left out.
-- @remind_days integer = 0: after how many days to remind; 0 for never.
-- @remind_level integer = 0: the least severe finding to be reminded of, 4 for CRITICAL to 0 for INFO.
WITH told AS (
  SELECT
    finding_id,
    COUNT(DISTINCT alert_id) AS alerts,
    MAX(recorded_at) AS told_at
  FROM alert_events
  WHERE
    kind = 'finding' AND phase = 'SENT'
  GROUP BY
    finding_id
), news AS (
  SELECT DISTINCT
    finding_id
  FROM alerts_due
  WHERE
    kind = 'finding'
), muted AS (
  SELECT DISTINCT
    finding_id
  FROM muted_findings
  WHERE
    expires_at > $now
), reminders AS (
  SELECT
    findings.finding_id || '-reminder-' || CAST(told.alerts + 1 AS TEXT) AS alert_id,
    findings.finding_id,
    findings.state,
    findings.severity_level,
    told.told_at
  FROM findings AS findings
  INNER JOIN told
    ON findings.finding_id = told.finding_id
  LEFT JOIN news
    ON findings.finding_id = news.finding_id
  LEFT JOIN muted
    ON findings.finding_id = muted.finding_id
  WHERE
    $remind_days > 0
    AND findings.state = 'OPEN'
    AND findings.severity_level >= $remind_level
    AND CAST(FLOOR(EPOCH($now)) AS BIGINT) - CAST(FLOOR(EPOCH(told.told_at)) AS BIGINT) >= $remind_days * 86400
    AND news.finding_id IS NULL
    AND muted.finding_id IS NULL
), due AS (
  SELECT
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
  FROM alerts_due
  WHERE
    due_at <= $now
  UNION ALL
  SELECT
    alert_id,
    'finding' AS kind,
    finding_id,
    '' AS scope,
    state,
    severity_level,
    'reminder' AS reason,
    told_at AS due_at,
    0 AS critical,
    0 AS high,
    0 AS medium,
    0 AS low,
    0 AS info
  FROM reminders
)
SELECT
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
  findings."count",
  findings.state_since,
  findings.state_by,
  findings.state_reason,
  findings.reopened
FROM due
LEFT JOIN findings AS findings
  ON due.finding_id = findings.finding_id
ORDER BY
  due.due_at NULLS FIRST,
  due.alert_id NULLS FIRST
