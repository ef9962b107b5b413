-- The twin of ../../windows/log_source_late.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which audit log reached us late?
-- Twenty entries within an hour that came more than fifteen minutes after they happened.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH entries AS (
  SELECT
    event_key,
    log,
    occurred_at,
    log_name,
    insert_id,
    timestamp,
    CAST(FLOOR(EPOCH(received_at)) AS BIGINT) - CAST(FLOOR(EPOCH(occurred_at)) AS BIGINT) AS delay,
    (
      (
        CAST(FLOOR(EPOCH(occurred_at)) AS BIGINT)
      ) // (
        3600
      )
    ) AS hour
  FROM activity
  WHERE
    occurred_at >= $since AND occurred_at < $until AND log <> ''
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), late AS (
  SELECT
    log,
    hour,
    occurred_at,
    log_name,
    insert_id,
    timestamp,
    ROW_NUMBER() OVER (PARTITION BY log, hour ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) AS position
  FROM entries
  WHERE
    delay > 900
), totals AS (
  SELECT
    log,
    hour,
    COUNT(*) AS calls,
    MAX(delay) AS longest
  FROM entries
  WHERE
    delay > 900
  GROUP BY
    log,
    hour
)
SELECT
  late.log AS caller,
  '' AS caller_name,
  '' AS caller_ip,
  '' AS user_agent,
  '' AS project,
  '' AS resource,
  '' AS target,
  totals.calls,
  0 AS succeeded,
  CAST((
    (
      totals.longest
    ) // (
      60
    )
  ) AS TEXT) AS items,
  '' AS known_since,
  '' AS subject,
  late.occurred_at,
  late.log_name,
  late.insert_id,
  late.timestamp
FROM late
INNER JOIN totals
  ON late.log = totals.log AND late.hour = totals.hour
WHERE
  late.position = 20
