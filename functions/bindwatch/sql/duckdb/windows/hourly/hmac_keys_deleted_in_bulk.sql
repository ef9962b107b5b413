-- The twin of ../../../windows/hourly/hmac_keys_deleted_in_bulk.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who deleted several HMAC keys within an hour?
-- Each deletion counts.
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
  event_key AS item,
  resource AS shown,
  2 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND method = 'storage.hmacKeys.delete'
  AND NOT failed
