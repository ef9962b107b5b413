-- The twin of ../../steps/hourly.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who did enough within an hour of what a window counts?
-- `counted` is what the windows below windows/hourly find, each row with the rule that counts it: `item` is what counts
-- (none where an entry only tells how the hour went), `shown` what is told of it. A story takes `least` different items
-- and `least_shown` different things shown; the entry that brings the last item needed tells it, once an hour and
-- caller. Hours overlap by half, so that what lasts less than half an hour is never cut in two. Each step is named once
-- by the next: BigQuery runs a step for every time it is named.
-- @since timestamp = -2h: hours that begin before it are not judged.
WITH placed AS (
  SELECT
    counted.rule_id,
    counted.event_key,
    counted.occurred_at,
    counted.caller,
    counted.caller_name,
    counted.caller_ip,
    counted.user_agent,
    counted.project,
    counted.resource,
    counted.target,
    counted.failed,
    counted.log_name,
    counted.insert_id,
    counted.timestamp,
    counted.item,
    counted.shown,
    counted.least,
    counted.least_shown,
    shift,
    (
      (
        (
          CAST(FLOOR(EPOCH(counted.occurred_at)) AS BIGINT) + shift
        )
      ) // (
        3600
      )
    ) AS hour
  FROM counted
  CROSS JOIN UNNEST([0, 1800]) AS _t0(shift)
  WHERE
    (
      (
        (
          CAST(FLOOR(EPOCH(counted.occurred_at)) AS BIGINT) + shift
        )
      ) // (
        3600
      )
    ) * 3600 - shift >= CAST(FLOOR(EPOCH($since)) AS BIGINT)
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY counted.rule_id, counted.event_key, shift
      ORDER BY counted.received_at NULLS FIRST
    ) = 1
), marked AS (
  SELECT
    rule_id,
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
    item,
    shown,
    least,
    least_shown,
    shift,
    hour,
    NOT item IS NULL
    AND ROW_NUMBER() OVER (
      PARTITION BY rule_id, caller, shift, hour, item
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) = 1 AS is_new
  FROM placed
), numbered AS (
  SELECT
    rule_id,
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
    item,
    shown,
    least_shown,
    shift,
    hour,
    is_new
    AND COUNT_IF(is_new) OVER (
      PARTITION BY rule_id, caller, shift, hour
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
      rows BETWEEN UNBOUNDED preceding AND CURRENT ROW
    ) = least AS tells
  FROM marked
), hours AS (
  SELECT
    rule_id,
    caller,
    shift,
    MAX(CASE WHEN tells THEN caller_name END) AS caller_name,
    MAX(CASE WHEN tells THEN caller_ip END) AS caller_ip,
    MAX(CASE WHEN tells THEN user_agent END) AS user_agent,
    MAX(CASE WHEN tells THEN project END) AS project,
    MAX(CASE WHEN tells THEN resource END) AS resource,
    MAX(CASE WHEN tells THEN target END) AS target,
    COUNT(item) AS calls,
    COUNT_IF(NOT failed) AS succeeded,
    LISTAGG(DISTINCT shown, ','
    ORDER BY
      shown NULLS FIRST) AS items,
    MAX(CASE WHEN tells THEN occurred_at END) AS told_at,
    MAX(CASE WHEN tells THEN log_name END) AS log_name,
    MAX(CASE WHEN tells THEN insert_id END) AS insert_id,
    MAX(CASE WHEN tells THEN timestamp END) AS timestamp
  FROM numbered
  GROUP BY
    rule_id,
    caller,
    shift,
    hour
  HAVING
    COUNT_IF(tells) = 1 AND COUNT(DISTINCT shown) >= MAX(least_shown)
)
SELECT
  rule_id,
  caller,
  caller_name,
  caller_ip,
  user_agent,
  project,
  resource,
  target,
  calls,
  succeeded,
  items,
  '' AS known_since,
  '' AS subject,
  told_at AS occurred_at,
  log_name,
  insert_id,
  timestamp
FROM hours
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY rule_id, caller, (
      (
        CAST(FLOOR(EPOCH(told_at)) AS BIGINT)
      ) // (
        3600
      )
    )
    ORDER BY calls DESC, told_at NULLS FIRST, shift NULLS FIRST
  ) = 1
