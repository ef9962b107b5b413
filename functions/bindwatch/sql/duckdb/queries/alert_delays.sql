-- The twin of ../../queries/alert_delays.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- How long does it take from what happened to the alert?
-- @since timestamp = -7d: only alerts from then on.
WITH sent AS (
  SELECT
    finding_id,
    alert_id,
    MIN(recorded_at) AS sent_at
  FROM alert_events
  WHERE
    recorded_at >= $since AND phase = 'SENT' AND state = 'OPEN' AND kind = 'finding'
  GROUP BY
    finding_id,
    alert_id
), delays AS (
  SELECT
    findings.rule_id,
    findings.category,
    CAST(FLOOR(EPOCH(sent.sent_at)) AS BIGINT) - CAST(FLOOR(EPOCH(findings.opened_at)) AS BIGINT) AS seconds
  FROM sent
  INNER JOIN findings AS findings
    ON sent.finding_id = findings.finding_id
  WHERE
    sent.sent_at >= findings.opened_at
)
SELECT
  category,
  rule_id,
  COUNT(*) AS alerts,
  MIN(seconds) AS seconds_at_least,
  CAST(ROUND(AVG(seconds)) AS BIGINT) AS seconds_on_average,
  MAX(seconds) AS seconds_at_most
FROM delays
GROUP BY
  category,
  rule_id
ORDER BY
  seconds_on_average DESC,
  rule_id NULLS FIRST
