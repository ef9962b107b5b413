-- The twin of ../../queries/changed_findings.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What opened, came back or ended since then?
-- @since timestamp = -7d: from when on.
-- @until timestamp = now: until when.
SELECT
  changes.changed_at,
  changes.what,
  findings.severity,
  findings.rule_id,
  findings.title,
  findings.project,
  findings.principal,
  changes.who,
  changes.why,
  findings.finding_id
FROM (
  SELECT
    finding_id,
    opened_at AS changed_at,
    CASE WHEN opening = 1 THEN 'opened' ELSE 'reopened' END AS what,
    '' AS who,
    '' AS why
  FROM episodes
  UNION ALL
  SELECT
    finding_id,
    ended_at AS changed_at,
    LOWER(ended_as) AS what,
    ended_by AS who,
    end_reason AS why
  FROM episodes
  WHERE
    NOT ended_at IS NULL
) AS changes
INNER JOIN findings AS findings
  ON changes.finding_id = findings.finding_id
WHERE
  changes.changed_at >= $since AND changes.changed_at < $until
ORDER BY
  changes.changed_at DESC,
  findings.finding_id NULLS FIRST,
  changes.what NULLS FIRST
