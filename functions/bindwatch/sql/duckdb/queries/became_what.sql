-- The twin of ../../queries/became_what.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which service accounts did this principal get credentials of?
-- @principal string: an e-mail, or a principal:// subject.
-- @since timestamp = -30d: from which day on.
SELECT
  service_account,
  how,
  method,
  SUM(minted) AS minted,
  SUM(denials) AS denials,
  MIN(first_at) AS first_at,
  MAX(last_at) AS last_at
FROM token_use
WHERE
  day >= CAST($since AS DATE) AND caller_name = $principal
GROUP BY
  service_account,
  how,
  method
ORDER BY
  minted DESC,
  service_account NULLS FIRST,
  how NULLS FIRST,
  method NULLS FIRST
