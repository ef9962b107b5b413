-- The twin of ../../queries/refused_callers.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who is refused most, and what for?
-- @since timestamp = -7d: from which day on.
SELECT
  caller,
  MAX(caller_name) AS caller_name,
  service,
  method,
  MAX(project) AS project,
  SUM(denials) AS denials,
  SUM(calls) AS calls,
  MIN(first_at) AS first_at,
  MAX(last_at) AS last_at
FROM habits_by_day
WHERE
  day >= CAST($since AS DATE) AND denials > 0
GROUP BY
  caller,
  service,
  method
ORDER BY
  denials DESC,
  caller NULLS FIRST,
  service NULLS FIRST,
  method NULLS FIRST
