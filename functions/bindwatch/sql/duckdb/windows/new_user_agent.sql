-- The twin of ../../windows/new_user_agent.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which service account called with a tool it had never used before?
-- A tool is the first product that a user agent names. New is what the daily roll-up of the 90 days before does not
-- show; an account that was first seen less than 14 days before is still being set up and is not judged.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH acts AS (
  SELECT
    event_key,
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
    timestamp,
    COALESCE(ARRAY_EXTRACT(REGEXP_EXTRACT_ALL(user_agent, '^[A-Za-z][A-Za-z0-9_.+-]*'), 1), '') AS tool
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND NOT failed
    AND caller_kind IN ('service-account', 'federated', 'kubernetes')
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), firsts AS (
  SELECT
    event_key
  FROM acts
  WHERE
    tool <> ''
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY caller, tool ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) = 1
), known AS (
  SELECT
    caller,
    tool,
    MIN(first_at) AS first_at
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND first_at < $since
    AND tool <> ''
  GROUP BY
    caller,
    tool
), callers AS (
  SELECT
    caller,
    MIN(first_at) AS known_since
  FROM known
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
  acts.tool AS items,
  CAST(CAST(callers.known_since AS DATE) AS TEXT) AS known_since,
  '' AS subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM firsts
INNER JOIN acts
  ON firsts.event_key = acts.event_key
INNER JOIN callers
  ON acts.caller = callers.caller
LEFT JOIN known
  ON acts.caller = known.caller AND acts.tool = known.tool
WHERE
  known.caller IS NULL
  AND CAST(FLOOR(EPOCH(acts.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(callers.known_since)) AS BIGINT) >= 14 * 86400
