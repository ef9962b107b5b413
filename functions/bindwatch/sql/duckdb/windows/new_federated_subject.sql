-- The twin of ../../windows/new_federated_subject.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who exchanged a token of another identity system for the first time, though its provider had been in use for weeks?
-- New is what the daily roll-up of the 90 days before does not show. A provider first used less than 14 days before is
-- being set up; one that lets more than 20 subjects in has new ones every day (branches, tenants): neither is judged.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH exchanged AS (
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
    AND service = 'sts.googleapis.com'
    AND caller_name <> ''
    AND NOT failed
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY caller, resource
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) = 1
), known AS (
  SELECT
    resource,
    MIN(first_at) AS known_since,
    COUNT(DISTINCT caller) AS subjects
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND service = 'sts.googleapis.com'
    AND calls > failures
    AND first_at < $since
  GROUP BY
    resource
), pairs AS (
  SELECT DISTINCT
    caller,
    resource
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND service = 'sts.googleapis.com'
    AND calls > failures
    AND first_at < $since
)
SELECT
  exchanged.caller,
  exchanged.caller_name,
  exchanged.caller_ip,
  exchanged.user_agent,
  exchanged.project,
  exchanged.resource,
  exchanged.target,
  1 AS calls,
  1 AS succeeded,
  CAST(known.subjects AS TEXT) AS items,
  CAST(CAST(known.known_since AS DATE) AS TEXT) AS known_since,
  '' AS subject,
  exchanged.occurred_at,
  exchanged.log_name,
  exchanged.insert_id,
  exchanged.timestamp
FROM exchanged
INNER JOIN known
  ON exchanged.resource = known.resource
LEFT JOIN pairs
  ON exchanged.caller = pairs.caller AND exchanged.resource = pairs.resource
WHERE
  pairs.caller IS NULL
  AND known.subjects <= 20
  AND CAST(FLOOR(EPOCH(exchanged.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(known.known_since)) AS BIGINT) >= 14 * 86400
