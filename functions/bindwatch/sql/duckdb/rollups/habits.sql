-- The twin of ../../rollups/habits.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who did what to what on these days?
-- Each entry counts once, however often it was delivered.
-- @since timestamp: the start of the first day. @until timestamp: the end of the last. @now timestamp: now.
WITH entries AS (
  SELECT
    occurred_at,
    project,
    caller,
    caller_name,
    caller_kind,
    ARRAY_TO_STRING(impersonators, '>') AS via,
    key_name,
    service,
    method,
    target,
    resource,
    ARRAY_TO_STRING(permissions_granted, ',') AS permissions,
    from_metadata_server,
    COALESCE(ARRAY_EXTRACT(REGEXP_EXTRACT_ALL(user_agent, '^[A-Za-z][A-Za-z0-9_.+-]*'), 1), '') AS tool,
    COALESCE(caller_country, '') AS country,
    COALESCE(caller_network, '') AS network,
    failed,
    denied
  FROM activity
  WHERE
    occurred_at >= $since AND occurred_at < $until
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
)
SELECT
  CAST(occurred_at AS DATE) AS day,
  $now AS rolled_at,
  project,
  caller,
  MAX(caller_name) AS caller_name,
  MAX(caller_kind) AS caller_kind,
  via,
  key_name,
  service,
  method,
  target,
  resource,
  permissions,
  from_metadata_server,
  tool,
  country,
  network,
  COUNT(*) AS calls,
  COUNT_IF(failed) AS failures,
  COUNT_IF(denied) AS denials,
  MIN(occurred_at) AS first_at,
  MAX(occurred_at) AS last_at
FROM entries
GROUP BY
  day,
  project,
  caller,
  via,
  key_name,
  service,
  method,
  target,
  resource,
  permissions,
  from_metadata_server,
  tool,
  country,
  network
