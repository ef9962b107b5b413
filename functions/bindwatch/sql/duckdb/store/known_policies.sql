-- The twin of ../../store/known_policies.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which policies are known, and as what?
-- @projects string: the projects they are in. @everywhere: whether all are meant.
SELECT
  resource,
  project,
  snapshot_key
FROM snapshots
WHERE
  kind = 'policy'
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
  ROW_NUMBER() OVER (PARTITION BY resource ORDER BY seen_at DESC, snapshot_key NULLS FIRST) = 1
