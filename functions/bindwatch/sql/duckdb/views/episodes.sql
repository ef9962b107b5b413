-- The twin of ../../views/episodes.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- When did each finding open, and when and how did that opening end?
-- One row per opening. A resolution of something never seen open is no news and is not here.
WITH openings AS (
  SELECT
    finding_id,
    episode,
    MIN(observed_at) AS opened_at,
    MAX(observed_at) AS last_seen,
    MAX(severity_level) AS severity_level,
    BOOL_OR(CAST(baseline AS BOOLEAN)) AS baseline,
    BOOL_OR(CAST(source_kind = 'asset' AS BOOLEAN)) AS seen_by_audit
  FROM sightings
  WHERE
    change = 'OPEN'
  GROUP BY
    finding_id,
    episode
), endings AS (
  SELECT
    finding_id,
    episode,
    change AS ended_as,
    observed_at AS ended_at,
    actor AS ended_by,
    reason AS end_reason
  FROM sightings
  WHERE
    change <> 'OPEN'
)
SELECT
  openings.finding_id,
  openings.episode,
  openings.opened_at,
  openings.last_seen,
  endings.ended_at,
  endings.ended_as,
  endings.ended_by,
  endings.end_reason,
  openings.severity_level,
  openings.baseline,
  openings.seen_by_audit,
  ROW_NUMBER() OVER (PARTITION BY openings.finding_id ORDER BY openings.episode NULLS FIRST) AS opening,
  ROW_NUMBER() OVER (PARTITION BY openings.finding_id ORDER BY openings.episode DESC) AS opening_from_last
FROM openings
LEFT JOIN endings
  ON openings.finding_id = endings.finding_id AND openings.episode = endings.episode
