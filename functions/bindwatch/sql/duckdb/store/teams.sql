-- The twin of ../../store/teams.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Whose was each project when it was last seen?
SELECT
  project,
  team
FROM teams
ORDER BY
  project NULLS FIRST
