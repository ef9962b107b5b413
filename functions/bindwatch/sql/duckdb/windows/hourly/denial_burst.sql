-- The twin of ../../../windows/hourly/denial_burst.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who was refused many different things within an hour?
-- Twenty refusals that name at least five permissions: somebody finds out what it may do. Pods whose binding is broken
-- ask for the same thing again and again and are not meant.
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
  TRUE AS failed,
  log_name,
  insert_id,
  timestamp,
  event_key AS item,
  ARRAY_TO_STRING(permissions_missing, '+') AS shown,
  20 AS least,
  5 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND denied
  AND NOT from_metadata_server
