-- The twin of ../../../windows/hourly/sign_in_failures.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who failed to sign in again and again within an hour?
-- Entries of sign-ins arrive up to an hour and a half late, which is within what a sweep looks back.
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
  caller_name AS shown,
  5 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND service = 'login.googleapis.com'
  AND ENDS_WITH(method, '.loginFailure')
