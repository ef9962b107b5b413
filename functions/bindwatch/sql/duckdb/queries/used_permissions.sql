-- The twin of ../../queries/used_permissions.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which permissions did each caller use on what, on which days?
-- Only checks that were granted. The resource is that of the entry: activity does not keep that of each check.
-- @since timestamp = -90d: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from then on are not read.
WITH entries AS (
  SELECT
    caller,
    permissions_granted,
    resource,
    project,
    log,
    occurred_at
  FROM activity
  WHERE
    occurred_at >= $since AND occurred_at < $until
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
)
SELECT
  entries.caller,
  permission,
  entries.resource,
  entries.project,
  entries.log,
  MIN(entries.occurred_at) AS first_at,
  MAX(entries.occurred_at) AS last_at,
  COUNT(*) AS uses
FROM entries
CROSS JOIN UNNEST(entries.permissions_granted) AS _t0(permission)
GROUP BY
  entries.caller,
  permission,
  entries.resource,
  entries.project,
  entries.log,
  DATE_TRUNC('DAY', entries.occurred_at)
ORDER BY
  last_at DESC,
  caller NULLS FIRST,
  permission NULLS FIRST,
  resource NULLS FIRST,
  project NULLS FIRST,
  log NULLS FIRST
