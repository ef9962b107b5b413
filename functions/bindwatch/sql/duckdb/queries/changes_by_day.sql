-- The twin of ../../queries/changes_by_day.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How many findings of each severity opened and ended, day by day?
-- Added up from the first day on, `opened` less `ended` is what was open at the end of each day.
-- @since timestamp = 1970-01-01: from which day on.
WITH changes AS (
  SELECT
    CAST(opened_at AS DATE) AS day,
    severity_level,
    1 AS opened,
    0 AS ended
  FROM episodes
  WHERE
    CAST(opened_at AS DATE) >= CAST($since AS DATE)
  UNION ALL
  SELECT
    CAST(ended_at AS DATE) AS day,
    severity_level,
    0 AS opened,
    1 AS ended
  FROM episodes
  WHERE
    CAST(ended_at AS DATE) >= CAST($since AS DATE)
)
SELECT
  day,
  severity_level,
  SUM(opened) AS opened,
  SUM(ended) AS ended
FROM changes
GROUP BY
  day,
  severity_level
ORDER BY
  day NULLS FIRST,
  severity_level NULLS FIRST
