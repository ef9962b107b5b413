-- The twin of ../../queries/minting.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which workloads and people got the most credentials of service accounts, and how?
-- @since timestamp = -30d: from which day on.
-- @at_most integer = 25: how many rows at most.
SELECT
  caller_name,
  MAX(caller_kind) AS caller_kind,
  how,
  SUM(minted) AS minted,
  SUM(denials) AS denials,
  COUNT(DISTINCT service_account) AS service_accounts,
  MAX(last_at) AS last_at
FROM token_use
WHERE
  day >= CAST($since AS DATE)
GROUP BY
  caller_name,
  how
ORDER BY
  minted DESC,
  denials DESC,
  caller_name NULLS FIRST,
  how NULLS FIRST
LIMIT $at_most
