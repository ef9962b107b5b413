-- The twin of ../../views/coverage.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What did the last audit of each scope (or the last scan of files into the store) not look at, and why?
-- One row per scope and gap; a scope without gaps has one row whose `gap` is empty. An audit that started and never
-- finished is a gap of its own.
WITH audits AS (
  SELECT
    run_id,
    scope,
    MIN(as_of) AS as_of,
    MAX(CASE WHEN entry = 'finished' THEN recorded_at END) AS finished_at,
    MIN(CASE WHEN entry = 'started' THEN recorded_at END) AS started_at,
    MAX(subjects) AS subjects
  FROM runs
  WHERE
    kind IN ('audit', 'scan')
  GROUP BY
    run_id,
    scope
), last_finished AS (
  SELECT
    scope,
    run_id,
    as_of,
    finished_at,
    subjects
  FROM audits
  WHERE
    NOT finished_at IS NULL
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY scope ORDER BY as_of DESC, run_id NULLS FIRST) = 1
), gaps AS (
  SELECT DISTINCT
    run_id,
    scope,
    entry AS gap,
    COALESCE(part, '') AS part,
    COALESCE(place, '') AS place,
    COALESCE(sight, '') AS sight,
    COALESCE(rule_id, '') AS rule_id,
    COALESCE(reason, '') AS reason
  FROM runs
  WHERE
    entry IN ('coverage', 'not-checked', 'rule-failure')
)
SELECT
  last_finished.scope,
  last_finished.run_id,
  last_finished.as_of,
  last_finished.finished_at,
  last_finished.subjects,
  COALESCE(gaps.gap, '') AS gap,
  COALESCE(gaps.part, '') AS part,
  COALESCE(gaps.place, '') AS place,
  COALESCE(gaps.sight, '') AS sight,
  COALESCE(gaps.rule_id, '') AS rule_id,
  COALESCE(gaps.reason, '') AS reason
FROM last_finished
LEFT JOIN gaps
  ON last_finished.run_id = gaps.run_id AND last_finished.scope = gaps.scope
UNION ALL
SELECT
  audits.scope,
  audits.run_id,
  audits.as_of,
  audits.finished_at,
  audits.subjects,
  'never finished' AS gap,
  '' AS part,
  '' AS place,
  '' AS sight,
  '' AS rule_id,
  'the audit started and did not finish' AS reason
FROM audits
LEFT JOIN last_finished
  ON audits.scope = last_finished.scope
WHERE
  audits.finished_at IS NULL
  AND (
    last_finished.as_of IS NULL OR audits.as_of > last_finished.as_of
  )
