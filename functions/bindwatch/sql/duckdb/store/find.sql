-- The twin of ../../store/find.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which findings match, worst and newest first?
-- @state string = OPEN: only this state; empty for all.
-- @least_level integer = 0: 4 for CRITICAL only, down to 0 for all.
-- @rule_id string = : only this rule; empty for all.
-- @project string = : only this project; empty for all.
-- @category string = : only this category; empty for all.
-- @principal string = : only where the principal holds this text; empty for all.
-- @finding_id string = : only ids that begin so; empty for all.
-- @since timestamp = 1970-01-01: only what was last seen from then on.
SELECT
  finding_id,
  rule_id,
  severity,
  confidence,
  category,
  state,
  title,
  explanation,
  resource_name,
  project,
  principal,
  subject,
  evidence,
  notes,
  cause,
  ruled_out,
  remediation,
  techniques,
  score,
  first_seen,
  last_seen,
  "count",
  opened_at,
  state_since,
  state_by,
  state_reason,
  reopened
FROM findings
WHERE
  $state IN ('', state)
  AND severity_level >= $least_level
  AND $rule_id IN ('', rule_id)
  AND $project IN ('', project)
  AND $category IN ('', category)
  AND (
    $principal = '' OR STRPOS(LOWER(principal), LOWER($principal)) > 0
  )
  AND STARTS_WITH(finding_id, $finding_id)
  AND last_seen >= $since
ORDER BY
  severity_level DESC,
  last_seen DESC,
  finding_id NULLS FIRST
