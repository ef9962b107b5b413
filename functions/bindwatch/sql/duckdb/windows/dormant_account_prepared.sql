-- The twin of ../../windows/dormant_account_prepared.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who made a key for a service account that had been silent for sixty days, changed its policy, or gave it a role?
-- Silent is what the daily roll-up does not show acting. An account that was never seen acting is not judged: the
-- roll-up may not be old enough.
-- The roles are findings of the rules that judge grants, in event time, joined with the entry that gave them.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH prepared AS (
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
    AND service = 'iam.googleapis.com'
    AND method IN (
      'google.iam.admin.v1.CreateServiceAccountKey',
      'google.iam.admin.v1.UploadServiceAccountKey',
      'google.iam.admin.v1.SetIAMPolicy',
      'google.iam.admin.v1.EnableServiceAccount'
    )
    AND target <> ''
    AND NOT failed
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), given AS (
  SELECT
    observed_at,
    principal,
    subject,
    resource_name,
    evidence[1] AS source
  FROM finding_events
  WHERE
    observed_at >= $since
    AND observed_at < $until
    AND change = 'OPEN'
    AND source_kind = 'log'
    AND rule_id IN (
      'privileged-role',
      'impersonation-role-on-project',
      'impersonation-role-on-service-account'
    )
    AND severity_level >= 2
    AND STARTS_WITH(principal, 'serviceAccount:')
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY principal, event_key ORDER BY recorded_at NULLS FIRST) = 1
), empowered AS (
  SELECT
    activity.occurred_at,
    activity.caller,
    activity.caller_name,
    activity.caller_ip,
    activity.user_agent,
    activity.project,
    given.resource_name AS resource,
    SUBSTRING(given.principal, 16) AS target,
    given.subject AS method,
    activity.log_name,
    activity.insert_id,
    activity.timestamp
  FROM given
  INNER JOIN activity AS activity
    ON given.source.insert_id = activity.insert_id
    AND given.source.timestamp = activity.timestamp
    AND given.source.log_name = activity.log_name
  WHERE
    activity.occurred_at >= $since AND activity.occurred_at < $until
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY given.principal, activity.event_key
      ORDER BY activity.received_at NULLS FIRST, given.subject NULLS FIRST
    ) = 1
), awakened AS (
  SELECT
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
  FROM prepared
  UNION ALL
  SELECT
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
  FROM empowered
), acted AS (
  SELECT
    caller,
    MAX(last_at) AS last_at
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '365' DAY
    )
    AND day <= CAST($until AS DATE)
    AND caller_kind = 'service-account'
  GROUP BY
    caller
)
SELECT
  awakened.caller,
  awakened.caller_name,
  awakened.caller_ip,
  awakened.user_agent,
  awakened.project,
  awakened.resource,
  awakened.target,
  1 AS calls,
  1 AS succeeded,
  awakened.method AS items,
  CAST(CAST(acted.last_at AS DATE) AS TEXT) AS known_since,
  '' AS subject,
  awakened.occurred_at,
  awakened.log_name,
  awakened.insert_id,
  awakened.timestamp
FROM awakened
INNER JOIN acted
  ON 'serviceAccount:' || awakened.target = acted.caller
WHERE
  CAST(FLOOR(EPOCH(awakened.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(acted.last_at)) AS BIGINT) >= 60 * 86400
