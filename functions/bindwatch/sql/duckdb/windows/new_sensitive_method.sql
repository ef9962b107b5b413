-- The twin of ../../windows/new_sensitive_method.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which service account called a method on identities, policies, logs or secrets that it had never called before?
-- New is what the daily roll-up of the 90 days before does not show; an account that was first seen less than 14 days
-- before is still being set up and is not judged.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH acts AS (
  SELECT
    occurred_at,
    caller,
    caller_name,
    caller_ip,
    user_agent,
    project,
    resource,
    target,
    service,
    method,
    log_name,
    insert_id,
    timestamp
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND NOT failed
    AND log = 'activity'
    AND caller_kind IN ('service-account', 'federated', 'workload')
    AND service IN (
      'iam.googleapis.com',
      'cloudresourcemanager.googleapis.com',
      'orgpolicy.googleapis.com',
      'logging.googleapis.com',
      'secretmanager.googleapis.com',
      'privilegedaccessmanager.googleapis.com',
      'accesscontextmanager.googleapis.com'
    )
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY caller, service, method
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) = 1
), callers AS (
  SELECT
    caller,
    MIN(first_at) AS known_since
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND first_at < $since
  GROUP BY
    caller
), known AS (
  SELECT DISTINCT
    caller,
    service,
    method
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND first_at < $since
)
SELECT
  acts.caller,
  acts.caller_name,
  acts.caller_ip,
  acts.user_agent,
  acts.project,
  acts.resource,
  acts.target,
  1 AS calls,
  1 AS succeeded,
  acts.method AS items,
  CAST(CAST(callers.known_since AS DATE) AS TEXT) AS known_since,
  '' AS subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM acts
INNER JOIN callers
  ON acts.caller = callers.caller
LEFT JOIN known
  ON acts.caller = known.caller
  AND acts.service = known.service
  AND acts.method = known.method
WHERE
  known.caller IS NULL
  AND CAST(FLOOR(EPOCH(acts.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(callers.known_since)) AS BIGINT) >= 14 * 86400
