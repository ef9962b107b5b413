-- The twin of ../../queries/riskiest_principals.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which principals carry the most open risk, and do they still act?
-- @least_risk integer = 1: leave out what is below.
SELECT
  principal,
  risk,
  findings,
  critical,
  high,
  highest_score,
  projects,
  oldest_open_at,
  calls,
  last_acted_at
FROM principal_risk
WHERE
  risk >= $least_risk
ORDER BY
  risk DESC,
  principal NULLS FIRST
