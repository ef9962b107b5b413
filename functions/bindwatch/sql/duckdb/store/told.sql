-- The twin of ../../store/told.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which alerts went out about this finding?
-- @finding_id string: the whole id.
SELECT
  recorded_at,
  alert_id,
  state,
  phase,
  message_id
FROM alert_events
WHERE
  finding_id = $finding_id
ORDER BY
  recorded_at NULLS FIRST,
  alert_id NULLS FIRST,
  phase NULLS FIRST
