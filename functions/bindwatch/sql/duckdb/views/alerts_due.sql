-- The twin of ../../views/alerts_due.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which changes were subscribers not told of yet, and from when on may they be?
-- An alert is due when the state of a finding is not what was last told: a finding that opens and ends between two
-- looks never rings. `due_at` puts it off: while a mute stands, for ten minutes where a binding may still be
-- propagating, and until a finding that changed four times within an hour has been quiet for an hour.
-- What the first audit of a scope found is told in one summary alert.
WITH told AS (
  SELECT
    finding_id,
    state,
    severity_level,
    phase,
    recorded_at
  FROM alert_events
  WHERE
    kind = 'finding'
), last_sent AS (
  SELECT
    finding_id,
    state AS told_state,
    severity_level AS told_severity_level
  FROM told
  WHERE
    phase = 'SENT'
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY finding_id ORDER BY recorded_at DESC, severity_level DESC) = 1
), last_tried AS (
  SELECT
    finding_id,
    state AS tried_state
  FROM told
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY finding_id ORDER BY recorded_at DESC, severity_level DESC) = 1
), times_sent AS (
  SELECT
    finding_id,
    COUNT(DISTINCT alert_id) AS alerts
  FROM alert_events
  WHERE
    kind = 'finding' AND phase = 'SENT'
  GROUP BY
    finding_id
), changes AS (
  SELECT
    finding_id,
    opened_at AS changed_at
  FROM episodes
  UNION ALL
  SELECT
    finding_id,
    ended_at AS changed_at
  FROM episodes
  WHERE
    NOT ended_at IS NULL
), restless AS (
  SELECT
    findings.finding_id,
    COUNT(*) AS changes_in_hour
  FROM findings AS findings
  INNER JOIN changes
    ON findings.finding_id = changes.finding_id
  WHERE
    CAST(FLOOR(EPOCH(findings.state_since)) AS BIGINT) - CAST(FLOOR(EPOCH(changes.changed_at)) AS BIGINT) < 3600
  GROUP BY
    findings.finding_id
), muted AS (
  SELECT
    finding_id,
    MAX(expires_at) AS muted_until
  FROM muted_findings
  GROUP BY
    finding_id
), standing AS (
  SELECT
    findings.finding_id,
    findings.state,
    findings.severity_level,
    findings.category,
    findings.state_since,
    findings.baseline,
    findings.reopened,
    last_sent.told_state,
    last_sent.told_severity_level,
    last_tried.tried_state,
    COALESCE(times_sent.alerts, 0) AS alerts,
    COALESCE(restless.changes_in_hour, 0) AS changes_in_hour,
    COALESCE(muted.muted_until, findings.state_since) AS muted_until
  FROM findings AS findings
  LEFT JOIN last_sent
    ON findings.finding_id = last_sent.finding_id
  LEFT JOIN last_tried
    ON findings.finding_id = last_tried.finding_id
  LEFT JOIN times_sent
    ON findings.finding_id = times_sent.finding_id
  LEFT JOIN restless
    ON findings.finding_id = restless.finding_id
  LEFT JOIN muted
    ON findings.finding_id = muted.finding_id
), untold AS (
  SELECT
    finding_id,
    state,
    severity_level,
    alerts,
    CASE
      WHEN state_since IS NULL
      OR muted_until IS NULL
      OR CASE
        WHEN state = 'OPEN' AND category = 'broken-binding'
        THEN state_since + INTERVAL '10' MINUTE
        ELSE state_since
      END IS NULL
      OR CASE
        WHEN changes_in_hour >= 4
        THEN state_since + INTERVAL '60' MINUTE
        ELSE state_since
      END IS NULL
      THEN NULL
      ELSE GREATEST(
        state_since,
        muted_until,
        CASE
          WHEN state = 'OPEN' AND category = 'broken-binding'
          THEN state_since + INTERVAL '10' MINUTE
          ELSE state_since
        END,
        CASE
          WHEN changes_in_hour >= 4
          THEN state_since + INTERVAL '60' MINUTE
          ELSE state_since
        END
      )
    END AS due_at,
    CASE
      WHEN state <> 'OPEN'
      THEN LOWER(state)
      WHEN told_state = 'OPEN'
      THEN 'escalated'
      WHEN reopened > 0
      THEN 'reopened'
      ELSE 'opened'
    END AS reason
  FROM standing
  WHERE
    (
      state = 'OPEN'
      AND (
        (
          told_state IS NULL AND NOT baseline
        )
        OR told_state <> 'OPEN'
        OR severity_level > told_severity_level
      )
    )
    OR (
      state <> 'OPEN' AND tried_state = 'OPEN'
    )
), told_scopes AS (
  SELECT DISTINCT
    scope
  FROM alert_events
  WHERE
    kind = 'baseline' AND phase = 'SENT'
), baseline_runs AS (
  SELECT
    runs.scope,
    MIN(runs.recorded_at) AS finished_at
  FROM runs AS runs
  LEFT JOIN told_scopes
    ON runs.scope = told_scopes.scope
  WHERE
    runs.entry = 'finished' AND runs.baseline AND told_scopes.scope IS NULL
  GROUP BY
    runs.scope
), baseline_findings AS (
  SELECT DISTINCT
    runs.scope,
    sightings.finding_id,
    sightings.severity_level
  FROM sightings AS sightings
  INNER JOIN runs AS runs
    ON sightings.run_id = runs.run_id
  WHERE
    sightings.baseline AND sightings.change = 'OPEN' AND runs.entry = 'started'
), baseline_counts AS (
  SELECT
    scope,
    COUNT_IF(severity_level = 4) AS critical,
    COUNT_IF(severity_level = 3) AS high,
    COUNT_IF(severity_level = 2) AS medium,
    COUNT_IF(severity_level = 1) AS low,
    COUNT_IF(severity_level = 0) AS info,
    MAX(severity_level) AS severity_level
  FROM baseline_findings
  GROUP BY
    scope
)
SELECT
  finding_id || '-' || LOWER(state) || '-' || CAST(alerts + 1 AS TEXT) AS alert_id,
  'finding' AS kind,
  finding_id,
  '' AS scope,
  state,
  severity_level,
  reason,
  due_at,
  0 AS critical,
  0 AS high,
  0 AS medium,
  0 AS low,
  0 AS info
FROM untold
UNION ALL
SELECT
  'baseline-' || baseline_runs.scope AS alert_id,
  'baseline' AS kind,
  '' AS finding_id,
  baseline_runs.scope,
  'OPEN' AS state,
  COALESCE(baseline_counts.severity_level, 0) AS severity_level,
  'baseline' AS reason,
  baseline_runs.finished_at AS due_at,
  COALESCE(baseline_counts.critical, 0) AS critical,
  COALESCE(baseline_counts.high, 0) AS high,
  COALESCE(baseline_counts.medium, 0) AS medium,
  COALESCE(baseline_counts.low, 0) AS low,
  COALESCE(baseline_counts.info, 0) AS info
FROM baseline_runs
LEFT JOIN baseline_counts
  ON baseline_runs.scope = baseline_counts.scope
