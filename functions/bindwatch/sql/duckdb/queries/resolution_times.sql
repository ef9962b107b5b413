-- The twin of ../../queries/resolution_times.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How long do findings stand, by severity and rule?
-- `still_open` were not counted in the times.
-- @since timestamp = -90d: only what opened from then on.
SELECT
  severity,
  rule_id,
  COUNT(*) AS openings,
  COUNT_IF(ended_at IS NULL) AS still_open,
  CAST(ROUND(AVG(seconds) / 3600) AS BIGINT) AS hours_on_average,
  CAST(ROUND(MAX(seconds) / 3600) AS BIGINT) AS hours_at_most
FROM time_to_resolve
WHERE
  opened_at >= $since
GROUP BY
  severity,
  severity_level,
  rule_id
ORDER BY
  severity_level DESC,
  openings DESC,
  rule_id NULLS FIRST
