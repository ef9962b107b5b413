-- The twin of ../../queries/mutes.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which mutes stand, who answers for them, what do they cover, and when do they end?
-- @now timestamp = now: mutes that have run out by then are left out.
WITH covered AS (
  SELECT
    mute_id,
    COUNT(*) AS findings
  FROM muted_findings
  GROUP BY
    mute_id
)
SELECT
  mutes.mute_id,
  mutes.expires_at,
  mutes.owner,
  mutes.reason,
  mutes.origin,
  COALESCE(covered.findings, 0) AS findings,
  mutes.finding_id,
  mutes.rule_id,
  mutes.category,
  mutes.project,
  mutes.resource_name,
  mutes.principal,
  mutes.subject,
  mutes.muted_at
FROM active_mutes AS mutes
LEFT JOIN covered
  ON mutes.mute_id = covered.mute_id
WHERE
  mutes.expires_at > $now
ORDER BY
  mutes.expires_at NULLS FIRST,
  mutes.mute_id NULLS FIRST
