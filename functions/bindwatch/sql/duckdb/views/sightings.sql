-- The twin of ../../views/sightings.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What was seen of each finding, each source once, and in which of its openings?
-- An episode is one opening of a finding with what ends it. At the same moment an ending comes before a sighting, so
-- that what is both taken away and given again counts as open. The order is that of events, never that of arrival.
WITH distinct_events AS (
  SELECT
    event_key,
    finding_id,
    change,
    observed_at,
    recorded_at,
    source_kind,
    source_key,
    run_id,
    baseline,
    rule_id,
    severity,
    severity_level,
    confidence,
    category,
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
    actor,
    reason
  FROM finding_events
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY event_key
      ORDER BY recorded_at NULLS FIRST, run_id NULLS FIRST, severity_level DESC
    ) = 1
)
SELECT
  event_key,
  finding_id,
  change,
  COALESCE(
    SUM(CASE WHEN change = 'OPEN' THEN 0 ELSE 1 END) OVER (
      PARTITION BY finding_id
      ORDER BY observed_at NULLS FIRST, CASE WHEN change = 'OPEN' THEN 1 ELSE 0 END NULLS FIRST, event_key NULLS FIRST
      rows BETWEEN UNBOUNDED preceding AND 1 preceding
    ),
    0
  ) AS episode,
  observed_at,
  recorded_at,
  source_kind,
  source_key,
  run_id,
  baseline,
  rule_id,
  severity,
  severity_level,
  confidence,
  category,
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
  actor,
  reason
FROM distinct_events
