-- The twin of ../../windows/dormant_account_prepared.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who made a key for, or changed the policy of, a service account that had been silent for sixty days?
-- Silent is what the daily roll-up does not show acting. An account that was never seen acting is not judged: the
-- roll-up may not be old enough.
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
  prepared.caller,
  prepared.caller_name,
  prepared.caller_ip,
  prepared.user_agent,
  prepared.project,
  prepared.resource,
  prepared.target,
  1 AS calls,
  1 AS succeeded,
  prepared.method AS items,
  CAST(CAST(acted.last_at AS DATE) AS TEXT) AS known_since,
  prepared.occurred_at,
  prepared.log_name,
  prepared.insert_id,
  prepared.timestamp
FROM prepared
INNER JOIN acted
  ON 'serviceAccount:' || prepared.target = acted.caller
WHERE
  CAST(FLOOR(EPOCH(prepared.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(acted.last_at)) AS BIGINT) >= 60 * 86400
ORDER BY
  prepared.occurred_at NULLS FIRST,
  prepared.caller NULLS FIRST
