-- The twin of ../../views/time_to_resolve.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How long did each opening of a finding last?
-- One row per opening; `seconds` is null while it is open.
SELECT
  episodes.finding_id,
  findings.rule_id,
  findings.category,
  findings.project,
  CASE episodes.severity_level
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
  episodes.severity_level,
  episodes.opening,
  episodes.opened_at,
  episodes.ended_at,
  episodes.ended_as,
  episodes.ended_by,
  CAST(FLOOR(EPOCH(episodes.ended_at)) AS BIGINT) - CAST(FLOOR(EPOCH(episodes.opened_at)) AS BIGINT) AS seconds
FROM episodes AS episodes
INNER JOIN findings AS findings
  ON episodes.finding_id = findings.finding_id
