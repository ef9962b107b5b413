-- The twin of ../../windows/service_account_fan_out.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who was refused the credentials of many service accounts within an hour?
-- Counted per caller; a caller that Google redacted is known by its address and user agent. Hours overlap by half, so
-- that what lasts less than half an hour is never cut in two.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH attempts AS (
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
    denied,
    failed,
    log_name,
    insert_id,
    timestamp,
    CAST(FLOOR(EPOCH(occurred_at)) AS BIGINT) AS second
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND service = 'iamcredentials.googleapis.com'
    AND target <> ''
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), shifted AS (
  SELECT
    attempts.event_key,
    attempts.occurred_at,
    attempts.caller,
    attempts.caller_name,
    attempts.caller_ip,
    attempts.user_agent,
    attempts.project,
    attempts.resource,
    attempts.target,
    attempts.denied,
    attempts.failed,
    attempts.log_name,
    attempts.insert_id,
    attempts.timestamp,
    CASE WHEN attempts.denied THEN attempts.target END AS refused_target,
    shift,
    attempts.second + shift AS shifted_second
  FROM attempts
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
    denied,
    failed,
    log_name,
    insert_id,
    timestamp,
    refused_target,
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
), first_refusals AS (
  SELECT
    event_key,
    occurred_at,
    caller,
    shift,
    hour
  FROM placed
  WHERE
    denied
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY caller, shift, hour, target
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
    ) AS accounts
  FROM first_refusals
), totals AS (
  SELECT
    caller,
    shift,
    hour,
    COUNT_IF(denied) AS calls,
    COUNT_IF(NOT failed) AS succeeded,
    LISTAGG(DISTINCT refused_target, ','
    ORDER BY
      refused_target NULLS FIRST) AS items
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
  numbered.accounts = 5
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
