-- The twin of ../../windows/denial_burst.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who was refused many different things within an hour?
-- Twenty refusals that name at least five permissions: somebody finds out what it may do. Pods whose binding is broken
-- ask for the same thing again and again and are not meant.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH refusals AS (
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
    ARRAY_TO_STRING(permissions_missing, '+') AS wanted,
    CAST(FLOOR(EPOCH(occurred_at)) AS BIGINT) AS second
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND denied
    AND NOT from_metadata_server
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), shifted AS (
  SELECT
    refusals.event_key,
    refusals.occurred_at,
    refusals.caller,
    refusals.caller_name,
    refusals.caller_ip,
    refusals.user_agent,
    refusals.project,
    refusals.resource,
    refusals.target,
    refusals.log_name,
    refusals.insert_id,
    refusals.timestamp,
    refusals.wanted,
    shift,
    refusals.second + shift AS shifted_second
  FROM refusals
  CROSS JOIN UNNEST([0, 1800]) AS _t0(shift)
), placed AS (
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
    wanted,
    shift,
    (
      (
        shifted_second
      ) // (
        3600
      )
    ) AS hour
  FROM shifted
  WHERE
    (
      (
        shifted_second
      ) // (
        3600
      )
    ) * 3600 - shift >= CAST(FLOOR(EPOCH($since)) AS BIGINT)
), numbered AS (
  SELECT
    event_key,
    caller,
    shift,
    hour,
    ROW_NUMBER() OVER (
      PARTITION BY caller, shift, hour
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) AS refused
  FROM placed
), totals AS (
  SELECT
    caller,
    shift,
    hour,
    COUNT(*) AS calls,
    COUNT(DISTINCT wanted) AS wants,
    LISTAGG(DISTINCT wanted, ','
    ORDER BY
      wanted NULLS FIRST) AS items
  FROM placed
  GROUP BY
    caller,
    shift,
    hour
)
SELECT
  placed.caller,
  placed.caller_name,
  placed.caller_ip,
  placed.user_agent,
  placed.project,
  placed.resource,
  placed.target,
  totals.calls,
  0 AS succeeded,
  totals.items,
  '' AS known_since,
  placed.occurred_at,
  placed.log_name,
  placed.insert_id,
  placed.timestamp
FROM numbered
INNER JOIN totals
  ON numbered.caller = totals.caller
  AND numbered.shift = totals.shift
  AND numbered.hour = totals.hour
INNER JOIN placed
  ON numbered.event_key = placed.event_key
  AND numbered.shift = placed.shift
  AND numbered.hour = placed.hour
WHERE
  numbered.refused = 20 AND totals.wants >= 5
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY placed.caller, (
      (
        CAST(FLOOR(EPOCH(placed.occurred_at)) AS BIGINT)
      ) // (
        3600
      )
    )
    ORDER BY totals.calls DESC, placed.occurred_at NULLS FIRST, placed.shift NULLS FIRST
  ) = 1
ORDER BY
  placed.occurred_at NULLS FIRST,
  placed.caller NULLS FIRST
