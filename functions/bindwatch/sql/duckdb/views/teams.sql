-- The twin of ../../views/teams.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Whose is each project now?
-- One row per project that was ever a team's; one that lost its label has an empty team.
SELECT
  project,
  team,
  seen_at
FROM project_teams
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY project ORDER BY seen_at DESC, team NULLS FIRST) = 1
