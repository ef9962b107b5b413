-- The twin of ../../windows/delegation_without_mint.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who acted through a service account though nobody was seen to mint a token for it?
-- A token lives an hour, so the hour before the call is looked at; accounts of projects whose mints were never seen in
-- the last 30 days are not judged, since their Data Access logs are off.
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
    service,
    target,
    impersonators,
    log_name,
    insert_id,
    timestamp
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND NOT failed
    AND caller_kind = 'service-account'
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), delegated AS (
  SELECT
    acts.event_key,
    acts.occurred_at,
    acts.caller,
    impersonator
  FROM acts
  CROSS JOIN UNNEST(acts.impersonators) AS _t0(impersonator)
  WHERE
    acts.service <> 'iamcredentials.googleapis.com'
    AND acts.occurred_at >= (
      $since + INTERVAL '65' MINUTE
    )
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY acts.caller, impersonator
      ORDER BY acts.occurred_at NULLS FIRST, acts.event_key NULLS FIRST
    ) = 1
), minted AS (
  SELECT
    'serviceAccount:' || target AS account,
    occurred_at
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND service = 'iamcredentials.googleapis.com'
    AND NOT failed
), explained AS (
  SELECT DISTINCT
    delegated.event_key
  FROM delegated
  INNER JOIN minted
    ON delegated.caller = minted.account
  WHERE
    minted.occurred_at <= delegated.occurred_at
    AND CAST(FLOOR(EPOCH(delegated.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(minted.occurred_at)) AS BIGINT) <= 3900
), watched AS (
  SELECT DISTINCT
    'serviceAccount:' || target AS account
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '30' DAY
    )
    AND day <= CAST($until AS DATE)
    AND service = 'iamcredentials.googleapis.com'
    AND calls > failures
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
  delegated.impersonator AS items,
  '' AS known_since,
  '' AS subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM delegated
INNER JOIN acts
  ON delegated.event_key = acts.event_key
INNER JOIN watched
  ON delegated.caller = watched.account
LEFT JOIN explained
  ON delegated.event_key = explained.event_key
WHERE
  explained.event_key IS NULL
