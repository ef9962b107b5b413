-- The twin of ../../queries/keys_in_use.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which downloaded keys of service accounts are used, and for how much?
-- @since timestamp = -90d: from which day on.
SELECT
  key_name,
  MAX(caller_name) AS service_account,
  COUNT(DISTINCT day) AS days,
  SUM(calls) AS calls,
  COUNT(DISTINCT method) AS methods,
  MIN(first_at) AS first_at,
  MAX(last_at) AS last_at
FROM habits_by_day
WHERE
  day >= CAST($since AS DATE) AND key_name <> ''
GROUP BY
  key_name
ORDER BY
  calls DESC,
  key_name NULLS FIRST
