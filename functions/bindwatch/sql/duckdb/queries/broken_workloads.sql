-- The twin of ../../queries/broken_workloads.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which workloads cannot get their identity, since when and why?
-- @project string = : only this project; empty for all.
SELECT
  severity,
  cause,
  subject,
  project,
  title,
  opened_at,
  last_seen,
  last_minted_at,
  works_since,
  finding_id
FROM binding_health
WHERE
  state = 'OPEN' AND $project IN ('', project)
ORDER BY
  severity_level DESC,
  opened_at NULLS FIRST,
  finding_id NULLS FIRST
