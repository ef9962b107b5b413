-- The twin of ../../windows/new_account_empowered.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which service account was made and given a role that leads to more within an hour?
-- The roles are findings of the rules that judge grants, in event time.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH created AS (
  SELECT
    occurred_at,
    caller,
    caller_name,
    caller_ip,
    user_agent,
    project,
    resource,
    target
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND service = 'iam.googleapis.com'
    AND ENDS_WITH(method, '.CreateServiceAccount')
    AND target <> ''
    AND NOT failed
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY target ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) = 1
), granted AS (
  SELECT
    event_key,
    observed_at,
    principal,
    subject,
    resource_name,
    severity_level,
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
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY recorded_at NULLS FIRST) = 1
), pairs AS (
  SELECT
    created.target,
    granted.event_key,
    granted.subject,
    granted.resource_name,
    granted.observed_at,
    granted.source,
    granted.severity_level,
    created.occurred_at AS created_at
  FROM created
  INNER JOIN granted
    ON 'serviceAccount:' || created.target = granted.principal
  WHERE
    granted.observed_at >= created.occurred_at
    AND CAST(FLOOR(EPOCH(granted.observed_at)) AS BIGINT) - CAST(FLOOR(EPOCH(created.occurred_at)) AS BIGINT) <= 3600
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY created.target
      ORDER BY granted.observed_at NULLS FIRST, granted.severity_level DESC, granted.event_key NULLS FIRST
    ) = 1
)
SELECT
  created.caller,
  created.caller_name,
  created.caller_ip,
  created.user_agent,
  created.project,
  pairs.resource_name AS resource,
  created.target,
  CAST(FLOOR(EPOCH(pairs.observed_at)) AS BIGINT) - CAST(FLOOR(EPOCH(pairs.created_at)) AS BIGINT) AS calls,
  pairs.severity_level AS succeeded,
  pairs.subject AS items,
  '' AS known_since,
  '' AS subject,
  pairs.observed_at AS occurred_at,
  pairs.source.log_name,
  pairs.source.insert_id,
  pairs.source.timestamp
FROM pairs
INNER JOIN created
  ON pairs.target = created.target
