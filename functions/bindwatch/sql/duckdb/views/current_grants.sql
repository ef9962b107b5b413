-- The twin of ../../views/current_grants.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which roles does each policy give to whom, as last seen?
WITH latest AS (
  SELECT
    resource,
    project,
    seen_at,
    grants
  FROM snapshots
  WHERE
    kind = 'policy'
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY resource ORDER BY seen_at DESC, snapshot_key NULLS FIRST) = 1
)
SELECT
  latest.resource,
  latest.project,
  latest.seen_at,
  grant_item.role,
  grant_item.member,
  grant_item.principal,
  grant_item.condition
FROM latest
CROSS JOIN UNNEST(latest.grants) AS _t0(grant_item)
