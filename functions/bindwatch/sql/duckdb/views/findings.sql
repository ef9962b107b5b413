-- The twin of ../../views/findings.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How does each finding stand now?
-- One row per finding: its latest sighting, the worst severity of its current opening, its state, and how many
-- distinct sources showed it.
WITH latest_sighting AS (
  SELECT
    finding_id,
    rule_id,
    confidence,
    category,
    title,
    explanation,
    resource_name,
    project,
    principal,
    subject,
    evidence,
    notes,
    cause,
    ruled_out,
    remediation,
    techniques,
    score
  FROM sightings
  WHERE
    change = 'OPEN'
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY finding_id ORDER BY observed_at DESC, event_key DESC) = 1
), latest_change AS (
  SELECT
    finding_id,
    change AS state,
    observed_at AS state_since,
    actor,
    reason,
    event_key
  FROM sightings
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY finding_id
      ORDER BY observed_at DESC, CASE WHEN change = 'OPEN' THEN 0 ELSE 1 END NULLS FIRST, event_key DESC
    ) = 1
), totals AS (
  SELECT
    finding_id,
    MIN(observed_at) AS first_seen,
    MAX(observed_at) AS last_seen,
    COUNT(DISTINCT source_key) AS sources
  FROM sightings
  WHERE
    change = 'OPEN'
  GROUP BY
    finding_id
)
SELECT
  latest_sighting.finding_id,
  latest_sighting.rule_id,
  CASE current_opening.severity_level
    WHEN 4
    THEN 'CRITICAL'
    WHEN 3
    THEN 'HIGH'
    WHEN 2
    THEN 'MEDIUM'
    WHEN 1
    THEN 'LOW'
    ELSE 'INFO'
  END AS severity,
  current_opening.severity_level,
  latest_sighting.confidence,
  latest_sighting.category,
  latest_change.state,
  latest_sighting.title,
  latest_sighting.explanation,
  latest_sighting.resource_name,
  latest_sighting.project,
  latest_sighting.principal,
  latest_sighting.subject,
  latest_sighting.evidence,
  latest_sighting.notes,
  latest_sighting.cause,
  latest_sighting.ruled_out,
  latest_sighting.remediation,
  latest_sighting.techniques,
  latest_sighting.score,
  totals.first_seen,
  totals.last_seen,
  totals.sources AS "count",
  current_opening.opened_at,
  current_opening.opening - 1 AS reopened,
  current_opening.baseline,
  current_opening.seen_by_audit,
  CASE
    WHEN latest_change.state = 'OPEN'
    THEN current_opening.opened_at
    WHEN latest_change.state = current_opening.ended_as
    THEN current_opening.ended_at
    ELSE latest_change.state_since
  END AS state_since,
  CASE
    WHEN latest_change.state = 'OPEN'
    THEN ''
    WHEN latest_change.state = current_opening.ended_as
    THEN current_opening.ended_by
    ELSE latest_change.actor
  END AS state_by,
  CASE
    WHEN latest_change.state = 'OPEN'
    THEN ''
    WHEN latest_change.state = current_opening.ended_as
    THEN current_opening.end_reason
    ELSE latest_change.reason
  END AS state_reason,
  latest_change.event_key AS state_event_key
FROM latest_sighting
INNER JOIN latest_change
  ON latest_sighting.finding_id = latest_change.finding_id
INNER JOIN totals
  ON latest_sighting.finding_id = totals.finding_id
INNER JOIN episodes AS current_opening
  ON latest_sighting.finding_id = current_opening.finding_id
  AND current_opening.opening_from_last = 1
