-- The twin of ../../store/standing.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How do the findings stand that an audit may confirm or resolve?
-- @rule_ids: the rules it judged. @projects: the projects it looked at, with '' for what lies in none.
-- @everywhere: whether it looked at all projects. @finding_ids: what it saw, wherever that was first seen.
SELECT
  finding_id,
  rule_id,
  category,
  state,
  project,
  resource_name,
  severity_level,
  reopened,
  seen_by_audit,
  last_seen,
  state_since,
  state_event_key
FROM findings
WHERE
  CASE
    WHEN $finding_ids IS NULL OR ARRAY_LENGTH($finding_ids) = 0
    THEN FALSE
    WHEN ARRAY_CONTAINS($finding_ids, finding_id)
    THEN TRUE
    WHEN finding_id IS NULL OR ARRAY_LENGTH($finding_ids) <> LIST_COUNT($finding_ids)
    THEN NULL
    ELSE FALSE
  END
  OR (
    CASE
      WHEN $rule_ids IS NULL OR ARRAY_LENGTH($rule_ids) = 0
      THEN FALSE
      WHEN ARRAY_CONTAINS($rule_ids, rule_id)
      THEN TRUE
      WHEN rule_id IS NULL OR ARRAY_LENGTH($rule_ids) <> LIST_COUNT($rule_ids)
      THEN NULL
      ELSE FALSE
    END
    AND (
      $everywhere
      OR CASE
        WHEN $projects IS NULL OR ARRAY_LENGTH($projects) = 0
        THEN FALSE
        WHEN ARRAY_CONTAINS($projects, project)
        THEN TRUE
        WHEN project IS NULL OR ARRAY_LENGTH($projects) <> LIST_COUNT($projects)
        THEN NULL
        ELSE FALSE
      END
    )
  )
