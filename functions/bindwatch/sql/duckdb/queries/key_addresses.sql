-- The twin of ../../queries/key_addresses.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- From which addresses and programs is this key used?
-- @key string: its id, or its full resource name.
-- @since timestamp = -7d: entries before it are not read (prunes partitions).
WITH uses AS (
  SELECT
    occurred_at,
    caller_ip,
    user_agent,
    method
  FROM activity
  WHERE
    occurred_at >= $since
    AND (
      key_name = $key OR ENDS_WITH(key_name, '/keys/' || $key)
    )
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
)
SELECT
  caller_ip,
  user_agent,
  COUNT(*) AS calls,
  COUNT(DISTINCT method) AS methods,
  MIN(occurred_at) AS first_at,
  MAX(occurred_at) AS last_at
FROM uses
GROUP BY
  caller_ip,
  user_agent
ORDER BY
  calls DESC,
  caller_ip NULLS FIRST,
  user_agent NULLS FIRST
