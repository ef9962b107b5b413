-- The twin of ../../windows/dormant_identity_active.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which service account acts again after sixty days of silence?
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH acts AS (
  SELECT
    occurred_at,
    caller,
    caller_name,
    caller_ip,
    user_agent,
    project,
    resource,
    target,
    log_name,
    insert_id,
    timestamp
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND caller_kind = 'service-account'
    AND NOT failed
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY caller ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) = 1
), earlier AS (
  SELECT
    caller,
    MAX(last_at) AS last_at
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '365' DAY
    )
    AND day <= CAST($until AS DATE)
    AND caller_kind = 'service-account'
    AND first_at < $since
  GROUP BY
    caller
)
SELECT
  acts.caller,
  acts.caller_name,
  acts.caller_ip,
  acts.user_agent,
  acts.project,
  acts.resource,
  acts.target,
  1 AS calls,
  1 AS succeeded,
  '' AS items,
  CAST(CAST(earlier.last_at AS DATE) AS TEXT) AS known_since,
  '' AS subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM acts
INNER JOIN earlier
  ON acts.caller = earlier.caller
WHERE
  CAST(FLOOR(EPOCH(acts.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(earlier.last_at)) AS BIGINT) >= 60 * 86400
