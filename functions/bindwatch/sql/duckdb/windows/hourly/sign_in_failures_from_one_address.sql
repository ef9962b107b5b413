-- The twin of ../../../windows/hourly/sign_in_failures_from_one_address.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- From which address did many people fail to sign in within an hour?
-- Counted by address, whoever the person is.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
SELECT
  event_key,
  received_at,
  occurred_at,
  caller_ip AS caller,
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
  caller_name AS item,
  caller_name AS shown,
  5 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND service = 'login.googleapis.com'
  AND ENDS_WITH(method, '.loginFailure')
  AND caller_ip <> ''
