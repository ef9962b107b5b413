-- The twin of ../../windows/tag_bound_then_used.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who bound a tag and then changed policies or identities within an hour?
-- A tag can fulfil the condition of a grant, or lift a deny policy: binding one is the step before what it unlocks.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH acts AS (
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
    method,
    log_name,
    insert_id,
    timestamp
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND NOT failed
    AND (
      ENDS_WITH(method, 'CreateTagBinding')
      OR REGEXP_MATCHES(LOWER(method), '(setiampolicy|setiampermissions|createserviceaccountkey)$')
      OR REGEXP_MATCHES(LOWER(method), '(createrole|updaterole|generateaccesstoken|deletepolicy)$')
    )
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), pairs AS (
  SELECT
    used.event_key,
    COUNT(*) AS calls,
    LISTAGG(DISTINCT bound.resource, ','
    ORDER BY
      bound.resource NULLS FIRST) AS items
  FROM acts AS used
  INNER JOIN acts AS bound
    ON used.caller = bound.caller
  WHERE
    ENDS_WITH(bound.method, 'CreateTagBinding')
    AND NOT ENDS_WITH(used.method, 'CreateTagBinding')
    AND used.occurred_at > bound.occurred_at
    AND CAST(FLOOR(EPOCH(used.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(bound.occurred_at)) AS BIGINT) <= 3600
  GROUP BY
    used.event_key
)
SELECT
  acts.caller,
  acts.caller_name,
  acts.caller_ip,
  acts.user_agent,
  acts.project,
  acts.resource,
  acts.target,
  pairs.calls,
  pairs.calls AS succeeded,
  acts.method AS items,
  pairs.items AS known_since,
  '' AS subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM acts
INNER JOIN pairs
  ON acts.event_key = pairs.event_key
QUALIFY
  ROW_NUMBER() OVER (
    PARTITION BY acts.caller, (
      (
        CAST(FLOOR(EPOCH(acts.occurred_at)) AS BIGINT)
      ) // (
        3600
      )
    )
    ORDER BY acts.occurred_at NULLS FIRST, acts.event_key NULLS FIRST
  ) = 1
