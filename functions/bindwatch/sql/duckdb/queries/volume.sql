-- The twin of ../../queries/volume.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which methods send most entries, and how many of them does a rule make something of?
-- @since timestamp = -1d: entries before it are not read (prunes partitions).
WITH entries AS (
  SELECT
    service,
    method,
    log,
    findings,
    failed
  FROM activity
  WHERE
    occurred_at >= $since
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY event_key ORDER BY received_at NULLS FIRST) = 1
)
SELECT
  service,
  method,
  log,
  COUNT(*) AS entries,
  COUNT_IF(failed) AS failed,
  SUM(findings) AS findings
FROM entries
GROUP BY
  service,
  method,
  log
ORDER BY
  entries DESC,
  service NULLS FIRST,
  method NULLS FIRST,
  log NULLS FIRST
