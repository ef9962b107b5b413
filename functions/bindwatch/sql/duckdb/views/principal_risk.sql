-- The twin of ../../views/principal_risk.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which principals carry the most open risk, and do they use it?
-- `risk` adds 40, 15, 5, 1 and 0 for open findings from CRITICAL to INFO.
WITH open_findings AS (
  SELECT
    principal,
    COUNT(*) AS findings,
    COUNT_IF(severity_level = 4) AS critical,
    COUNT_IF(severity_level = 3) AS high,
    SUM(
      CASE severity_level WHEN 4 THEN 40 WHEN 3 THEN 15 WHEN 2 THEN 5 WHEN 1 THEN 1 ELSE 0 END
    ) AS risk,
    MAX(COALESCE(score, 0)) AS highest_score,
    COUNT(DISTINCT project) AS projects,
    MIN(opened_at) AS oldest_open_at
  FROM findings
  WHERE
    state = 'OPEN' AND principal <> ''
  GROUP BY
    principal
), acts AS (
  SELECT
    caller_name,
    SUM(calls) AS calls,
    SUM(denials) AS denials,
    MAX(last_at) AS last_acted_at
  FROM habits_by_day
  WHERE
    caller_name <> ''
  GROUP BY
    caller_name
)
SELECT
  open_findings.principal,
  open_findings.risk,
  open_findings.findings,
  open_findings.critical,
  open_findings.high,
  open_findings.highest_score,
  open_findings.projects,
  open_findings.oldest_open_at,
  COALESCE(acts.calls, 0) AS calls,
  COALESCE(acts.denials, 0) AS denials,
  acts.last_acted_at
FROM open_findings
LEFT JOIN acts
  ON acts.caller_name = CASE
    WHEN STRPOS(open_findings.principal, ':') > 0
    AND STRPOS(open_findings.principal, '@') > 0
    THEN SUBSTRING(open_findings.principal, STRPOS(open_findings.principal, ':') + 1)
    ELSE open_findings.principal
  END
