-- The twin of ../../store/snapshots.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What is the last known content of everything of this kind?
-- @kind string: policy, deny-policies or roles.
SELECT
  resource,
  snapshot_key,
  content,
  seen_at
FROM snapshots
WHERE
  kind = $kind
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY resource ORDER BY seen_at DESC, snapshot_key NULLS FIRST) = 1
ORDER BY
  seen_at NULLS FIRST,
  resource NULLS FIRST
