-- The twin of ../../../windows/hourly/service_account_fan_out.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who was refused the credentials of many service accounts within an hour?
-- Counted per caller; a caller that Google redacted is known by its address and user agent.
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
  CASE WHEN denied THEN target END AS item,
  CASE WHEN denied THEN target END AS shown,
  5 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND service = 'iamcredentials.googleapis.com'
  AND target <> ''
