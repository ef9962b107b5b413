-- The twin of ../../store/history.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What happened to this finding, in the order it happened?
-- @finding_id string: the whole id.
SELECT
  observed_at,
  recorded_at,
  change,
  source_kind,
  source_key,
  severity,
  title,
  actor,
  reason,
  run_id
FROM sightings
WHERE
  finding_id = $finding_id
ORDER BY
  observed_at NULLS FIRST,
  recorded_at NULLS FIRST,
  event_key NULLS FIRST
