-- The twin of ../../../windows/hourly/identity_enumeration.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who looked through identities and permissions within an hour?
-- Counted are different questions: which accounts, which keys, which policies of accounts, which permissions.
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
  method || ' ' || resource AS item,
  method || ' ' || resource AS shown,
  8 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND REGEXP_MATCHES(
    method,
    '\.(ListServiceAccounts|ListServiceAccountKeys|GetIAMPolicy|ListRoles)$|TestIamPermissions$'
  )
