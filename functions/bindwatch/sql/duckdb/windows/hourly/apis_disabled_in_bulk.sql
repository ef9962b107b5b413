-- The twin of ../../../windows/hourly/apis_disabled_in_bulk.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who disabled several APIs within an hour?
-- The closing entry of each operation is left out.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
SELECT
  event_key,
  received_at,
  occurred_at,
  caller,
  caller_name,
  caller_ip,
  user_agent,
  project,
  resource,
  target,
  failed,
  log_name,
  insert_id,
  timestamp,
  resource AS item,
  resource AS shown,
  6 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND service = 'serviceusage.googleapis.com'
  AND ENDS_WITH(method, '.DisableService')
  AND NOT failed
  AND (
    operation_first OR NOT operation_last
  )
