-- The twin of ../../queries/used_permissions.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which permissions did each caller use on what, on which days?
-- Only checks that were granted. The resource is that of the entry: activity does not keep that of each check.
-- @since timestamp = -90d: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from then on are not read.
SELECT
  activity.caller,
  permission,
  activity.resource,
  activity.project,
  activity.log,
  MIN(activity.occurred_at) AS first_at,
  MAX(activity.occurred_at) AS last_at,
  COUNT(*) AS uses
FROM activity AS activity
CROSS JOIN UNNEST(activity.permissions_granted) AS _t0(permission)
WHERE
  activity.occurred_at >= $since AND activity.occurred_at < $until
GROUP BY
  activity.caller,
  permission,
  activity.resource,
  activity.project,
  activity.log,
  DATE_TRUNC('DAY', activity.occurred_at)
