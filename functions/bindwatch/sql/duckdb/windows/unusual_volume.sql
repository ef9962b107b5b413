-- The twin of ../../windows/unusual_volume.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who called far more often today than on any usual day?
-- Far more: 500 calls or more, twice the average and more than three standard deviations above it, over at least 14
-- earlier days of the last 30. Days come from the daily roll-up, which is made anew every hour.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH rolled AS (
  SELECT
    day,
    MAX(rolled_at) AS rolled_at
  FROM habits
  WHERE
    day >= (
      CAST($until AS DATE) - INTERVAL '30' DAY
    )
    AND day <= CAST($until AS DATE)
  GROUP BY
    day
), days AS (
  SELECT
    habits.caller,
    habits.day,
    SUM(habits.calls) AS calls
  FROM habits AS habits
  INNER JOIN rolled
    ON habits.day = rolled.day AND habits.rolled_at = rolled.rolled_at
  WHERE
    habits.day >= (
      CAST($until AS DATE) - INTERVAL '30' DAY
    )
    AND habits.day <= CAST($until AS DATE)
    AND habits.caller_kind <> 'redacted'
  GROUP BY
    habits.caller,
    habits.day
), usual AS (
  SELECT
    caller,
    COUNT(*) AS days,
    AVG(calls) AS average,
    STDDEV_POP(calls) AS deviation,
    MIN(day) AS known_since
  FROM days
  WHERE
    day < CAST($until AS DATE)
  GROUP BY
    caller
), today AS (
  SELECT
    days.caller,
    days.calls,
    usual.average,
    usual.known_since
  FROM days
  INNER JOIN usual
    ON days.caller = usual.caller
  WHERE
    days.day = CAST($until AS DATE)
    AND usual.days >= 14
    AND days.calls >= 500
    AND days.calls >= 2 * usual.average
    AND days.calls > usual.average + 3 * usual.deviation
), acts AS (
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
    occurred_at >= $since AND occurred_at < $until
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY caller ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) = 1
)
SELECT
  acts.caller,
  acts.caller_name,
  acts.caller_ip,
  acts.user_agent,
  acts.project,
  acts.resource,
  acts.target,
  today.calls,
  today.calls AS succeeded,
  CAST(CAST(ROUND(today.average) AS BIGINT) AS TEXT) AS items,
  CAST(today.known_since AS TEXT) AS known_since,
  '' AS subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM today
INNER JOIN acts
  ON today.caller = acts.caller
