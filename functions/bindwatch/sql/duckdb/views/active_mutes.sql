-- The twin of ../../views/active_mutes.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which mutes stand, not counting whether they have run out?
SELECT
  mute_id,
  recorded_at AS muted_at,
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
FROM (
  SELECT
    mute_id,
    action,
    recorded_at,
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
  FROM mutes
  QUALIFY
    ROW_NUMBER() OVER (PARTITION BY mute_id ORDER BY recorded_at DESC, action DESC) = 1
) AS latest_actions
WHERE
  action = 'MUTED'
