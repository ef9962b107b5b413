-- The twin of ../../windows/new_key_used_elsewhere.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which key of a service account was used from another network than the one it was made from, within an hour?
-- The keys are findings of the rule that judges them, in event time, joined with the entry that made them. A network is
-- the first half of a public IPv4 address, else the whole address.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH keys AS (
  SELECT
    subject AS key_id,
    resource_name,
    evidence[1] AS source
  FROM finding_events
  WHERE
    observed_at >= $since
    AND observed_at < $until
    AND change = 'OPEN'
    AND source_kind = 'log'
    AND rule_id = 'user-managed-key'
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY recorded_at NULLS FIRST) = 1
), made AS (
  SELECT
    keys.key_id,
    keys.resource_name,
    activity.event_key,
    activity.occurred_at,
    activity.caller,
    activity.caller_name,
    activity.caller_ip,
    activity.user_agent,
    activity.project,
    activity.target,
    COALESCE(
      ARRAY_EXTRACT(REGEXP_EXTRACT_ALL(activity.caller_ip, '^[0-9]+\.[0-9]+'), 1),
      activity.caller_ip
    ) AS network
  FROM keys
  INNER JOIN activity AS activity
    ON keys.source.insert_id = activity.insert_id
    AND keys.source.timestamp = activity.timestamp
    AND keys.source.log_name = activity.log_name
  WHERE
    activity.occurred_at >= $since AND activity.occurred_at < $until
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY keys.key_id
      ORDER BY activity.occurred_at NULLS FIRST, activity.event_key NULLS FIRST
    ) = 1
), used AS (
  SELECT
    event_key,
    occurred_at,
    caller_ip,
    log_name,
    insert_id,
    timestamp,
    ARRAY_EXTRACT(REGEXP_EXTRACT_ALL(key_name, '[^/]+$'), 1) AS key_id,
    COALESCE(ARRAY_EXTRACT(REGEXP_EXTRACT_ALL(caller_ip, '^[0-9]+\.[0-9]+'), 1), caller_ip) AS network
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND key_name <> ''
    AND caller_ip <> ''
    AND NOT failed
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), elsewhere AS (
  SELECT
    made.key_id,
    used.occurred_at,
    used.caller_ip,
    used.log_name,
    used.insert_id,
    used.timestamp
  FROM used
  INNER JOIN made
    ON used.key_id = made.key_id
  WHERE
    used.network <> made.network
    AND used.occurred_at >= made.occurred_at
    AND CAST(FLOOR(EPOCH(used.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(made.occurred_at)) AS BIGINT) <= 3600
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY made.key_id
      ORDER BY used.occurred_at NULLS FIRST, used.event_key NULLS FIRST
    ) = 1
)
SELECT
  made.caller,
  made.caller_name,
  made.caller_ip,
  made.user_agent,
  made.project,
  made.resource_name AS resource,
  made.target,
  CAST(FLOOR(EPOCH(elsewhere.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(made.occurred_at)) AS BIGINT) AS calls,
  1 AS succeeded,
  made.key_id || ',' || elsewhere.caller_ip AS items,
  '' AS known_since,
  '' AS subject,
  elsewhere.occurred_at,
  elsewhere.log_name,
  elsewhere.insert_id,
  elsewhere.timestamp
FROM elsewhere
INNER JOIN made
  ON elsewhere.key_id = made.key_id
