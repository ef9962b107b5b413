-- The twin of ../../store/muted_by.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which mutes cover this finding?
-- @finding_id string: the whole id.
-- @now timestamp = now: mutes that have run out by then are left out.
SELECT
  mute_id,
  muted_at,
  expires_at,
  owner,
  reason
FROM muted_findings
WHERE
  finding_id = $finding_id AND expires_at > $now
ORDER BY
  expires_at NULLS FIRST,
  mute_id NULLS FIRST
