-- The twin of ../../windows/new_place.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who called from a country or a network they had never called from before?
-- New is what the daily roll-up of the 90 days before does not show; a caller whose places are known for less than 14
-- days is not judged. Places are known only where the user's settings name a GeoIP database.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
WITH calls_made AS (
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
    log_name,
    insert_id,
    timestamp,
    caller_country,
    caller_network
  FROM activity
  WHERE
    occurred_at >= $since
    AND occurred_at < $until
    AND NOT failed
    AND caller_kind <> 'redacted'
    AND COALESCE(caller_country, caller_network, '') <> ''
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
), places AS (
  SELECT
    event_key,
    occurred_at,
    caller,
    'country:' || caller_country AS item
  FROM calls_made
  WHERE
    caller_country <> ''
  UNION ALL
  SELECT
    event_key,
    occurred_at,
    caller,
    'network:' || REPLACE(caller_network, ',', '') AS item
  FROM calls_made
  WHERE
    caller_network <> ''
), firsts AS (
  SELECT
    event_key,
    caller,
    item
  FROM places
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY caller, item ORDER BY occurred_at NULLS FIRST, event_key NULLS FIRST) = 1
), seen AS (
  SELECT
    caller,
    country,
    network,
    MIN(first_at) AS first_at
  FROM habits
  WHERE
    day >= (
      CAST($since AS DATE) - INTERVAL '90' DAY
    )
    AND day <= CAST($until AS DATE)
    AND first_at < $since
    AND COALESCE(country, network, '') <> ''
  GROUP BY
    caller,
    country,
    network
), known AS (
  SELECT
    caller,
    'country:' || country AS item,
    MIN(first_at) AS first_at
  FROM seen
  WHERE
    country <> ''
  GROUP BY
    caller,
    item
  UNION ALL
  SELECT
    caller,
    'network:' || REPLACE(network, ',', '') AS item,
    MIN(first_at) AS first_at
  FROM seen
  WHERE
    network <> ''
  GROUP BY
    caller,
    item
), callers AS (
  SELECT
    caller,
    STR_SPLIT(item, ':')[1] AS kind,
    MIN(first_at) AS known_since
  FROM known
  GROUP BY
    caller,
    kind
)
SELECT
  calls_made.caller,
  calls_made.caller_name,
  calls_made.caller_ip,
  calls_made.user_agent,
  calls_made.project,
  calls_made.resource,
  calls_made.target,
  1 AS calls,
  1 AS succeeded,
  firsts.item AS items,
  CAST(CAST(callers.known_since AS DATE) AS TEXT) AS known_since,
  '' AS subject,
  calls_made.occurred_at,
  calls_made.log_name,
  calls_made.insert_id,
  calls_made.timestamp
FROM firsts
INNER JOIN calls_made
  ON firsts.event_key = calls_made.event_key
INNER JOIN callers
  ON firsts.caller = callers.caller AND callers.kind = STR_SPLIT(firsts.item, ':')[1]
LEFT JOIN known
  ON firsts.caller = known.caller AND firsts.item = known.item
WHERE
  known.caller IS NULL
  AND CAST(FLOOR(EPOCH(calls_made.occurred_at)) AS BIGINT) - CAST(FLOOR(EPOCH(callers.known_since)) AS BIGINT) >= 14 * 86400
