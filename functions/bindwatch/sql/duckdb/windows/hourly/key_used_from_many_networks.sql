-- The twin of ../../../windows/hourly/key_used_from_many_networks.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which key was used from several networks within an hour?
-- A network is the first half of a public IPv4 address: a program has one, a leaked key has many.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
SELECT
  event_key,
  received_at,
  occurred_at,
  key_name AS caller,
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
  ARRAY_EXTRACT(REGEXP_EXTRACT_ALL(caller_ip, '^[0-9]+\.[0-9]+'), 1) AS item,
  ARRAY_EXTRACT(REGEXP_EXTRACT_ALL(caller_ip, '^[0-9]+\.[0-9]+'), 1) AS shown,
  3 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND key_name <> ''
  AND NOT failed
  AND REGEXP_MATCHES(caller_ip, '^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$')
  AND NOT REGEXP_MATCHES(
    caller_ip,
    '^(10|127|169\.254|192\.168|172\.(1[6-9]|2[0-9]|3[01])|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\.'
  )
