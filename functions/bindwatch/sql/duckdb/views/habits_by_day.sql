-- The twin of ../../views/habits_by_day.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who did what to what, day by day?
-- A day may be rolled up more than once; its latest roll-up holds.
WITH rolled AS (
  SELECT
    day,
    MAX(rolled_at) AS rolled_at
  FROM habits
  GROUP BY
    day
)
SELECT DISTINCT
  habits.day,
  habits.project,
  habits.caller,
  habits.caller_name,
  habits.caller_kind,
  habits.via,
  habits.key_name,
  habits.service,
  habits.method,
  habits.target,
  habits.resource,
  habits.permissions,
  habits.from_metadata_server,
  habits.tool,
  habits.country,
  habits.network,
  habits.calls,
  habits.failures,
  habits.denials,
  habits.first_at,
  habits.last_at
FROM habits AS habits
INNER JOIN rolled
  ON habits.day = rolled.day AND habits.rolled_at = rolled.rolled_at
