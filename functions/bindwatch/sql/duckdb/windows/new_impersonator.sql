-- The twin of ../../windows/new_impersonator.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who got the credentials of a service account for the first time, though the account was in use for weeks?
-- New is what the daily roll-up of the 90 days before does not show; an account that was first used less than 14 days
-- before is still being set up and is not judged, unless pods of GKE were using it and the newcomer is none.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH minted AS (
  SELECT
    occurred_at,
    caller,
    caller_name,
    caller_ip,
    user_agent,
    project,
    resource,
    target,
    from_metadata_server,
    log_name,
    insert_id,
    timestamp
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND service = 'iamcredentials.googleapis.com'
    AND target <> ''
    AND NOT failed
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY caller, target
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) = 1
), used AS (
  SELECT
    target,
    MIN(first_at) AS known_since,
    BOOL_OR(CAST(from_metadata_server AS BOOLEAN)) AS by_pods
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND service = 'iamcredentials.googleapis.com'
    AND calls > failures
    AND first_at < $since
  GROUP BY
    target
), pairs AS (
  SELECT DISTINCT
    caller,
    target
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND service = 'iamcredentials.googleapis.com'
    AND calls > failures
    AND first_at < $since
)
SELECT
  minted.caller,
  minted.caller_name,
  minted.caller_ip,
  minted.user_agent,
  minted.project,
  minted.resource,
  minted.target,
  1 AS calls,
  1 AS succeeded,
  CASE
    WHEN used.by_pods AND NOT minted.from_metadata_server
    THEN 'not-a-pod'
    ELSE ''
  END AS items,
  CAST(CAST(used.known_since AS DATE) AS TEXT) AS known_since,
  '' AS subject,
  minted.occurred_at,
  minted.log_name,
  minted.insert_id,
  minted.timestamp
FROM minted
INNER JOIN used
  ON minted.target = used.target
LEFT JOIN pairs
  ON minted.caller = pairs.caller AND minted.target = pairs.target
WHERE
  pairs.caller IS NULL
  AND (
    CAST(FLOOR(EPOCH(minted.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(used.known_since)) AS BIGINT) >= 14 * 86400
    OR (
      used.by_pods AND NOT minted.from_metadata_server
    )
  )
