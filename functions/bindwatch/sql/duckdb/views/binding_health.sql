-- The twin of ../../views/binding_health.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which bindings are broken or were, since when, why, and does the workload get tokens by now?
-- `last_minted_at` is the last time the identity minted a token of the service account that the finding is about.
WITH minted AS (
  SELECT
    target,
    MAX(last_at) AS last_minted_at
  FROM habits_by_day
  WHERE
    service = 'iamcredentials.googleapis.com' AND calls > failures
  GROUP BY
    target
)
SELECT
  findings.finding_id,
  findings.rule_id,
  findings.state,
  findings.severity,
  findings.severity_level,
  findings.project,
  findings.subject,
  findings.resource_name,
  findings.cause,
  findings.title,
  findings.opened_at,
  findings.last_seen,
  findings.state_since,
  findings.reopened,
  minted.last_minted_at,
  COALESCE(minted.last_minted_at > findings.last_seen, FALSE) AS works_since
FROM findings AS findings
LEFT JOIN minted
  ON minted.target <> ''
  AND findings.resource_name = '//iam.googleapis.com/projects/' || findings.project || '/serviceAccounts/' || minted.target
WHERE
  findings.category = 'broken-binding'
