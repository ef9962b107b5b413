-- The twin of ../../windows/mint_without_use.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which person minted a token for a service account that nobody was seen to use, though they are seen using it else?
-- A token lives an hour: only mints older than that are judged. Whom nobody saw acting through the account in the last
-- 30 days may be reading what is in no log, and is not judged.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH acts AS (
  SELECT
    event_key,
    occurred_at,
    caller,
    caller_kind,
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
    occurred_at >= $since AND occurred_at < $until AND NOT failed
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), minted AS (
  SELECT
    event_key,
    occurred_at,
    caller,
    'serviceAccount:' || target AS account
  FROM acts
  WHERE
    service = 'iamcredentials.googleapis.com'
    AND caller_kind IN ('user', 'workforce')
    AND target <> ''
    AND occurred_at < (
      $until - INTERVAL '65' MINUTE
    )
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY caller, target
      ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST
    ) = 1
), used AS (
  SELECT
    acts.caller AS account,
    impersonator,
    acts.occurred_at
  FROM acts
  CROSS JOIN UNNEST(acts.impersonators) AS _t0(impersonator)
  WHERE
    acts.caller_kind = 'service-account'
), spent AS (
  SELECT DISTINCT
    minted.event_key
  FROM minted
  INNER JOIN used
    ON minted.account = used.account AND minted.caller = used.impersonator
  WHERE
    used.occurred_at >= minted.occurred_at
    AND CAST(FLOOR(EPOCH(used.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(minted.occurred_at)) AS BIGINT) <= 3900
), usual AS (
  SELECT DISTINCT
    caller AS account,
    via
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '30' DAY
    )
    AND day <= CAST($until AS DATE)
    AND via <> ''
    AND calls > failures
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
  '' AS items,
  '' AS known_since,
  '' AS subject,
  acts.occurred_at,
  acts.log_name,
  acts.insert_id,
  acts.timestamp
FROM minted
INNER JOIN acts
  ON minted.event_key = acts.event_key
INNER JOIN usual
  ON minted.account = usual.account AND minted.caller = usual.via
LEFT JOIN spent
  ON minted.event_key = spent.event_key
WHERE
  spent.event_key IS NULL
