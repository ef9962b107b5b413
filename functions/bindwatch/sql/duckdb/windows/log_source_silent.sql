-- The twin of ../../windows/log_source_silent.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which audit log fell silent though it had been busy, and which came back?
-- Busy: thirty entries since the beginning of the window. Silent: none for 45 minutes. `succeeded` is 1 where it came
-- back, and then the row is of the entry that broke the silence.
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
    CAST(FLOOR(EPOCH(occurred_at)) AS BIGINT) AS second
  FROM activity
  WHERE
    occurred_at >= $since AND occurred_at < $until AND log <> ''
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), sequence AS (
  SELECT
    log,
    occurred_at,
    log_name,
    insert_id,
    timestamp,
    second,
    ROW_NUMBER() OVER (PARTITION BY log ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) AS position,
    LAG(second) OVER (PARTITION BY log ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) AS previous_second,
    LEAD(second) OVER (PARTITION BY log ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) AS next_second
  FROM entries
), gaps AS (
  SELECT
    log,
    occurred_at,
    log_name,
    insert_id,
    timestamp,
    position AS calls,
    0 AS succeeded,
    (
      (
        (
          CAST(FLOOR(EPOCH($until)) AS BIGINT) - second
        )
      ) // (
        60
      )
    ) AS minutes
  FROM sequence
  WHERE
    next_second IS NULL
    AND position >= 30
    AND CAST(FLOOR(EPOCH($until)) AS BIGINT) - second >= 2700
  UNION ALL
  SELECT
    log,
    occurred_at,
    log_name,
    insert_id,
    timestamp,
    position - 1 AS calls,
    1 AS succeeded,
    (
      (
        (
          second - previous_second
        )
      ) // (
        60
      )
    ) AS minutes
  FROM sequence
  WHERE
    position > 30 AND second - previous_second >= 2700
)
SELECT
  log AS caller,
  '' AS caller_name,
  '' AS caller_ip,
  '' AS user_agent,
  '' AS project,
  '' AS resource,
  '' AS target,
  calls,
  succeeded,
  CAST(minutes AS TEXT) AS items,
  '' AS known_since,
  '' AS subject,
  occurred_at,
  log_name,
  insert_id,
  timestamp
FROM gaps
