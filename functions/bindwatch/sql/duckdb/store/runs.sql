-- The twin of ../../store/runs.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which runs were there, newest first?
-- @since timestamp = -30d: from when on.
SELECT
  run_id,
  kind,
  scope,
  MIN(as_of) AS as_of,
  MIN(CASE WHEN entry = 'started' THEN recorded_at END) AS started_at,
  MAX(CASE WHEN entry = 'finished' THEN recorded_at END) AS finished_at,
  BOOL_OR(CAST(baseline AS BOOLEAN)) AS baseline,
  MAX(subjects) AS subjects,
  COUNT_IF(entry = 'coverage') AS unseen_parts,
  COUNT(DISTINCT CASE WHEN entry = 'not-checked' THEN rule_id END) AS rules_not_checked,
  COUNT_IF(entry = 'rule-failure') AS rule_failures
FROM runs
WHERE
  recorded_at >= $since AND run_id <> '' AND kind <> 'canary'
GROUP BY
  run_id,
  kind,
  scope
ORDER BY
  started_at DESC,
  run_id NULLS FIRST
