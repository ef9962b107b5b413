-- The twin of ../../queries/who_became.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who got credentials of this service account, how, and from when to when?
-- @service_account string: its e-mail.
-- @since timestamp = -30d: from which day on.
SELECT
  caller_name,
  caller_kind,
  how,
  method,
  via,
  SUM(minted) AS minted,
  SUM(denials) AS denials,
  MIN(first_at) AS first_at,
  MAX(last_at) AS last_at
FROM token_use
WHERE
  day >= CAST($since AS DATE) AND service_account = $service_account
GROUP BY
  caller_name,
  caller_kind,
  how,
  method,
  via
ORDER BY
  minted DESC,
  denials DESC,
  caller_name NULLS FIRST,
  method NULLS FIRST,
  via NULLS FIRST
