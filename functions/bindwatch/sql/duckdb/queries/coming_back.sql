-- The twin of ../../queries/coming_back.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which findings keep coming back?
-- @least_reopened integer = 1: how often at least.
SELECT
  reopened,
  severity,
  rule_id,
  title,
  project,
  state,
  first_seen,
  last_seen,
  finding_id
FROM findings
WHERE
  reopened >= $least_reopened
ORDER BY
  reopened DESC,
  severity_level DESC,
  finding_id NULLS FIRST
