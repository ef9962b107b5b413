-- The twin of ../../queries/rules_by_noise.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which rules speak most, and how much of it is muted, closed or comes back?
-- @since timestamp = -30d: only findings seen from then on.
WITH muted AS (
  SELECT DISTINCT
    finding_id
  FROM muted_findings
  WHERE
    expires_at >= $since
)
SELECT
  findings.rule_id,
  COUNT(*) AS findings,
  COUNT_IF(findings.state = 'OPEN') AS open,
  COUNT_IF(findings.state = 'RESOLVED') AS resolved,
  COUNT_IF(findings.state = 'CLOSED') AS closed,
  COUNT_IF(NOT muted.finding_id IS NULL) AS muted,
  SUM(findings.reopened) AS reopened,
  SUM(findings."count") AS sightings
FROM findings AS findings
LEFT JOIN muted
  ON findings.finding_id = muted.finding_id
WHERE
  findings.last_seen >= $since
GROUP BY
  findings.rule_id
ORDER BY
  findings DESC,
  findings.rule_id NULLS FIRST
