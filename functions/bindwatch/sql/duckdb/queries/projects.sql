-- The twin of ../../queries/projects.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How does each project stand: what is open, how bad, and for how long?
SELECT
  project,
  COUNT_IF(severity_level = 4) AS critical,
  COUNT_IF(severity_level = 3) AS high,
  COUNT_IF(severity_level = 2) AS medium,
  COUNT_IF(severity_level <= 1) AS low,
  COUNT_IF(category = 'broken-binding') AS broken,
  COUNT(DISTINCT rule_id) AS rules,
  MIN(opened_at) AS oldest_open_at
FROM findings
WHERE
  state = 'OPEN'
GROUP BY
  project
ORDER BY
  critical DESC,
  high DESC,
  medium DESC,
  low DESC,
  project NULLS FIRST
