-- The twin of ../../queries/blind_spots.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What can we not see: parts no audit could read, rules that could not look or failed?
-- @scope string = : only this scope; empty for all.
SELECT
  scope,
  gap,
  part,
  place,
  rule_id,
  reason,
  as_of
FROM coverage
WHERE
  gap <> '' AND $scope IN ('', scope)
ORDER BY
  scope NULLS FIRST,
  gap NULLS FIRST,
  part NULLS FIRST,
  place NULLS FIRST,
  rule_id NULLS FIRST
