-- The twin of ../../store/deliveries.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What was each destination told of these findings, and what did it refuse?
-- @finding_ids: the whole ids.
SELECT
  finding_id,
  alert_id,
  destination,
  outcome,
  MAX(reference) AS reference,
  MIN(recorded_at) AS told_at
FROM deliveries
WHERE
  CASE
    WHEN $finding_ids IS NULL OR ARRAY_LENGTH($finding_ids) = 0
    THEN FALSE
    WHEN ARRAY_CONTAINS($finding_ids, finding_id)
    THEN TRUE
    WHEN finding_id IS NULL OR ARRAY_LENGTH($finding_ids) <> LIST_COUNT($finding_ids)
    THEN NULL
    ELSE FALSE
  END
GROUP BY
  finding_id,
  alert_id,
  destination,
  outcome
ORDER BY
  told_at NULLS FIRST,
  alert_id NULLS FIRST,
  destination NULLS FIRST
