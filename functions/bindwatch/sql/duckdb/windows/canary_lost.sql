-- The twin of ../../windows/canary_lost.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which canary entry did not come back within ten minutes, and which came back after one had been missed?
-- One that comes later than that was missed all the same. `succeeded` is 1 where the finding about it is over.
-- @since timestamp = -2h: canaries sent before it are not looked for (prunes partitions).
-- @until timestamp = now: those sent from it on are not either.
WITH sent AS (
  SELECT
    run_id,
    scope,
    MIN(recorded_at) AS sent_at
  FROM runs
  WHERE
    recorded_at >= $since
    AND recorded_at < $until
    AND kind = 'canary'
    AND entry = 'sent'
  GROUP BY
    run_id,
    scope
), returned AS (
  SELECT
    insert_id,
    MIN(received_at) AS returned_at
  FROM activity
  WHERE
    occurred_at >= $since AND occurred_at < $until AND method = 'bindwatch.canary'
  GROUP BY
    insert_id
), fates AS (
  SELECT
    sent.run_id,
    sent.scope,
    sent.sent_at,
    COALESCE(
      CAST(FLOOR(EPOCH(returned.returned_at)) AS BIGINT) - CAST(FLOOR(EPOCH(sent.sent_at)) AS BIGINT),
      999999999
    ) AS seconds,
    CAST(FLOOR(EPOCH($until)) AS BIGINT) - CAST(FLOOR(EPOCH(sent.sent_at)) AS BIGINT) AS age
  FROM sent
  LEFT JOIN returned
    ON sent.run_id = returned.insert_id
), missed AS (
  SELECT
    run_id,
    scope,
    sent_at,
    0 AS succeeded
  FROM fates
  WHERE
    seconds > 600 AND age > 600
), recovered AS (
  SELECT
    fates.run_id,
    fates.scope,
    fates.sent_at,
    1 AS succeeded
  FROM fates
  INNER JOIN findings AS findings
    ON findings.rule_id = 'canary-lost'
    AND findings.resource_name = '//pubsub.googleapis.com/' || fates.scope
  WHERE
    fates.seconds <= 600
    AND findings.state = 'OPEN'
    AND findings.last_seen < fates.sent_at
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY fates.scope ORDER BY fates.sent_at NULLS FIRST) = 1
), news AS (
  SELECT
    run_id,
    scope,
    sent_at,
    succeeded
  FROM missed
  UNION ALL
  SELECT
    run_id,
    scope,
    sent_at,
    succeeded
  FROM recovered
)
SELECT
  run_id AS caller,
  '' AS caller_name,
  '' AS caller_ip,
  '' AS user_agent,
  '' AS project,
  scope AS resource,
  '' AS target,
  1 AS calls,
  succeeded,
  '' AS items,
  '' AS known_since,
  '' AS subject,
  sent_at AS occurred_at,
  'bindwatch-canary' AS log_name,
  run_id AS insert_id,
  '' AS timestamp
FROM news
