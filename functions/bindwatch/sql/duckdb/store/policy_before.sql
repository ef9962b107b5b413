-- The twin of ../../store/policy_before.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which roles did the policy of this resource give to whom, as last known before then?
-- A row without a member says that the policy was known and empty.
-- @resource string: canonical full resource name.
-- @before timestamp: only what was seen before.
WITH latest AS (
  SELECT
    resource,
    grants
  FROM snapshots
  WHERE
    resource = $resource AND kind = 'policy' AND seen_at < $before
  QUALIFY
    ROW_NUMBER() OVER (ORDER BY seen_at DESC, snapshot_key NULLS FIRST) = 1
)
SELECT
  grant_item.role,
  grant_item.member,
  grant_item.condition
FROM latest
LEFT JOIN UNNEST(latest.grants) AS _t0(grant_item)
  ON TRUE
