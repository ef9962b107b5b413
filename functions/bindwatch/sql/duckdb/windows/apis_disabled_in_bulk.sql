-- The twin of ../../windows/apis_disabled_in_bulk.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who disabled several APIs within an hour?
-- The closing entry of each operation is left out. Hours overlap by half, so that what lasts less than half an hour is
-- never cut in two.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH calls_made AS (
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
    failed,
    log_name,
    insert_id,
    timestamp,
    resource AS item,
    CAST(FLOOR(EPOCH(occurred_at)) AS BIGINT) AS second
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND service = 'serviceusage.googleapis.com'
    AND ENDS_WITH(method, '.DisableService')
    AND NOT failed
    AND (
      operation_first OR NOT operation_last
    )
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), placed AS (
  SELECT
    calls_made.event_key,
    calls_made.occurred_at,
    calls_made.caller,
    calls_made.caller_name,
    calls_made.caller_ip,
    calls_made.user_agent,
    calls_made.project,
    calls_made.resource,
    calls_made.target,
    calls_made.failed,
    calls_made.log_name,
    calls_made.insert_id,
    calls_made.timestamp,
    calls_made.item,
    shift,
    (
      (
        (
          calls_made.second + shift
        )
      ) // (
        3600
      )
    ) AS hour
  FROM calls_made
  CROSS JOIN UNNEST([0, 1800]) AS _t0(shift)
  WHERE
    (
      (
        (
          calls_made.second + shift
        )
      ) // (
        3600
      )
    ) * 3600 - shift >= CAST(FLOOR(EPOCH($since)) AS BIGINT)
), firsts AS (
  SELECT
    event_key,
    occurred_at,
    caller,
    shift,
    hour
  FROM placed
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY caller, shift, hour, item
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) = 1
), numbered AS (
  SELECT
    event_key,
    caller,
    shift,
    hour,
    ROW_NUMBER() OVER (
      PARTITION BY caller, shift, hour
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) AS nth
  FROM firsts
), totals AS (
  SELECT
    caller,
    shift,
    hour,
    COUNT(*) AS calls,
    COUNT_IF(NOT failed) AS succeeded,
    LISTAGG(DISTINCT item, ','
    ORDER BY
      item NULLS FIRST) AS items
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
  totals.succeeded,
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
  numbered.nth = 6
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
