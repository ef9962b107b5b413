-- The twin of ../../store/known_states.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Of which objects is the state known, and as what?
-- Policies are asked for by themselves.
SELECT
  resource,
  kind,
  snapshot_key
FROM snapshots
WHERE
  NOT kind IN ('policy', 'deny-policies', 'roles')
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY resource, kind ORDER BY seen_at DESC, snapshot_key NULLS FIRST) = 1
ORDER BY
  resource NULLS FIRST,
  kind NULLS FIRST
