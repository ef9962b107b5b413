-- The twin of ../../store/known_states.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Of which objects is the state known, and as what?
-- Policies are asked for by themselves.
-- @projects string: the projects they are in. @everywhere: whether all are meant.
SELECT
  resource,
  kind,
  snapshot_key
FROM snapshots
WHERE
  NOT kind IN ('policy', 'deny-policies', 'roles')
  AND (
    $everywhere
    OR CASE
      WHEN $projects IS NULL OR ARRAY_LENGTH($projects) = 0
      THEN FALSE
      WHEN ARRAY_CONTAINS($projects, project)
      THEN TRUE
      WHEN project IS NULL OR ARRAY_LENGTH($projects) <> LIST_COUNT($projects)
      THEN NULL
      ELSE FALSE
    END
  )
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY resource, kind ORDER BY seen_at DESC, snapshot_key NULLS FIRST) = 1
ORDER BY
  resource NULLS FIRST,
  kind NULLS FIRST
