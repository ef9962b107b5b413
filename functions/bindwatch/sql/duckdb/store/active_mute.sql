-- The twin of ../../store/active_mute.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What does this mute say?
-- @mute_id string: its id, or how it begins.
SELECT
  mute_id,
  expires_at,
  owner,
  reason,
  origin,
  finding_id,
  rule_id,
  category,
  project,
  resource_name,
  principal,
  subject
FROM active_mutes
WHERE
  STARTS_WITH(mute_id, $mute_id)
ORDER BY
  mute_id NULLS FIRST
