-- The twin of ../../queries/did_what.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What did this principal do, entry by entry, newest first?
-- @principal string: an e-mail, or a principal:// subject; also as whom others acted.
-- @since timestamp = -1d: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
SELECT
  occurred_at,
  method,
  service,
  resource,
  target,
  project,
  status_code,
  caller_ip,
  user_agent,
  ARRAY_TO_STRING(impersonators, ' > ') AS via,
  key_name,
  log_name,
  insert_id
FROM activity
WHERE
  occurred_at >= $since AND occurred_at < $until AND caller_name = $principal
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
ORDER BY
  occurred_at DESC,
  insert_id NULLS FIRST
