-- The twin of ../../windows/workload_identity_broken.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which workload that was refused got what it wants since?
-- The refusals are open findings; what ends one is the first success of the same workload with the same target after
-- the last refusal, in event time. Where the refusal named permissions, one of them must have been granted now: that
-- an object can be read does not mean that it can be written.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH broken AS (
  SELECT
    finding_id,
    subject,
    principal,
    resource_name,
    project,
    last_seen,
    ARRAY_TO_STRING(notes, ' ') AS notes
  FROM findings
  WHERE
    rule_id = 'workload-identity-broken' AND state = 'OPEN'
), acts AS (
  SELECT
    event_key,
    occurred_at,
    caller,
    caller_name,
    caller_ip,
    user_agent,
    service,
    target,
    REGEXP_REPLACE(resource, '/versions/[^/]+$', '', 'g') AS resource,
    impersonators,
    permissions_granted,
    log_name,
    insert_id,
    timestamp
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND NOT failed
    AND caller_kind IN ('workload', 'federated', 'service-account')
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), actors AS (
  SELECT
    event_key,
    caller AS actor
  FROM acts
  UNION
  SELECT
    acts.event_key,
    actor
  FROM acts
  CROSS JOIN UNNEST(acts.impersonators) AS _t0(actor)
), checks AS (
  SELECT
    acts.event_key,
    permission
  FROM acts
  LEFT JOIN UNNEST(acts.permissions_granted) AS _t1(permission)
    ON TRUE
), ended AS (
  SELECT
    broken.finding_id,
    acts.event_key,
    broken.subject,
    broken.principal,
    broken.resource_name,
    broken.project,
    acts.occurred_at
  FROM broken
  INNER JOIN actors
    ON broken.principal = actors.actor
  INNER JOIN acts
    ON actors.event_key = acts.event_key
  INNER JOIN checks
    ON acts.event_key = checks.event_key
  WHERE
    acts.occurred_at > broken.last_seen
    AND (
      broken.subject = broken.principal || ' to //sts.googleapis.com'
      OR broken.subject = broken.principal || ' to ' || acts.resource
      OR (
        acts.service = 'iamcredentials.googleapis.com'
        AND broken.subject = broken.principal || ' to ' || acts.target
      )
    )
    AND (
      STRPOS(broken.notes, 'Refused: ') = 0
      OR checks.permission IS NULL
      OR STRPOS(broken.notes, ' ' || checks.permission || ',') > 0
      OR STRPOS(broken.notes, ' ' || checks.permission || '.') > 0
    )
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY broken.finding_id
      ORDER BY acts.occurred_at NULLS FIRST, acts.event_key NULLS FIRST
    ) = 1
)
SELECT
  ended.principal AS caller,
  acts.caller_name,
  acts.caller_ip,
  acts.user_agent,
  ended.project,
  ended.resource_name AS resource,
  acts.target,
  1 AS calls,
  1 AS succeeded,
  '' AS items,
  '' AS known_since,
  ended.subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM ended
INNER JOIN acts
  ON ended.event_key = acts.event_key
