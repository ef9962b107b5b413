-- The twin of ../../queries/trend.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How many findings opened and ended, week by week?
-- @since timestamp = -90d: from when on.
WITH changes AS (
  SELECT
    CAST(DATE_TRUNC('WEEK', CAST(opened_at AS DATE)) AS DATE) AS week,
    severity_level,
    1 AS opened,
    0 AS ended
  FROM episodes
  WHERE
    opened_at >= $since
  UNION ALL
  SELECT
    CAST(DATE_TRUNC('WEEK', CAST(ended_at AS DATE)) AS DATE) AS week,
    severity_level,
    0 AS opened,
    1 AS ended
  FROM episodes
  WHERE
    ended_at >= $since
)
SELECT
  week,
  SUM(opened) AS opened,
  SUM(ended) AS ended,
  SUM(opened) - SUM(ended) AS net,
  SUM(CASE WHEN severity_level >= 3 THEN opened ELSE 0 END) AS opened_high,
  SUM(CASE WHEN severity_level >= 3 THEN ended ELSE 0 END) AS ended_high
FROM changes
GROUP BY
  week
ORDER BY
  week NULLS FIRST
