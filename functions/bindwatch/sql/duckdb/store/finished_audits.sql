-- The twin of ../../store/finished_audits.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How often was this scope audited to the end?
-- @scope string: full resource name.
SELECT
  COUNT(DISTINCT run_id) AS audits
FROM runs
WHERE
  kind = 'audit' AND entry = 'finished' AND scope = $scope
