-- The twin of ../../queries/unused_grants.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which grants could go, since nobody was seen to use them?
-- @project string = : only this project; empty for all.
-- @logged_before timestamp = -30d: only where entries are known from before then.
SELECT
  project,
  resource,
  role,
  member,
  condition,
  seen_at,
  logged_since
FROM unused_grants
WHERE
  logged_since < $logged_before AND $project IN ('', project)
ORDER BY
  project NULLS FIRST,
  resource NULLS FIRST,
  role NULLS FIRST,
  member NULLS FIRST
