-- The twin of ../../store/audit_progress.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which audit of this scope was begun and not finished, and which of its shards are done?
-- @scope string: full resource name.
-- @since timestamp: what was begun before is given up.
WITH finished AS (
  SELECT
    run_id
  FROM runs
  WHERE
    recorded_at >= $since AND entry = 'finished' AND scope = $scope
), begun AS (
  SELECT
    runs.run_id,
    runs.as_of,
    runs.baseline
  FROM runs AS runs
  LEFT JOIN finished
    ON runs.run_id = finished.run_id
  WHERE
    runs.recorded_at >= $since
    AND runs.kind = 'audit'
    AND runs.entry = 'started'
    AND runs.scope = $scope
    AND finished.run_id IS NULL
  QUALIFY
    ROW_NUMBER() OVER (ORDER BY runs.as_of DESC, runs.run_id NULLS FIRST) = 1
), shards AS (
  SELECT DISTINCT
    run_id,
    shard
  FROM runs
  WHERE
    recorded_at >= $since AND entry = 'shard' AND scope = $scope
)
SELECT
  begun.run_id,
  begun.as_of,
  begun.baseline,
  COALESCE(shards.shard, '') AS shard
FROM begun
LEFT JOIN shards
  ON begun.run_id = shards.run_id
ORDER BY
  shard NULLS FIRST
