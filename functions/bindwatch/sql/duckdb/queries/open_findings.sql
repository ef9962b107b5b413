-- The twin of ../../queries/open_findings.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What is open now, worst first?
-- @project string = : only this project; empty for all.
-- @category string = : only this category; empty for all.
-- @least_level integer = 0: 4 for CRITICAL only, down to 0 for all.
SELECT
  severity,
  rule_id,
  title,
  project,
  principal,
  opened_at,
  last_seen,
  "count",
  finding_id
FROM findings
WHERE
  state = 'OPEN'
  AND severity_level >= $least_level
  AND $project IN ('', project)
  AND $category IN ('', category)
ORDER BY
  severity_level DESC,
  opened_at NULLS FIRST,
  finding_id NULLS FIRST
