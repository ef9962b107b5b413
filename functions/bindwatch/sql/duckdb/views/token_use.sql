-- The twin of ../../views/token_use.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who gets or forges credentials of which service account, how, and how often?
-- One row per day, caller, service account and method. `how` says what the caller proved itself with.
SELECT
  day,
  target AS service_account,
  caller,
  MAX(caller_name) AS caller_name,
  MAX(caller_kind) AS caller_kind,
  via,
  method,
  CASE
    WHEN from_metadata_server
    THEN 'gke-metadata-server'
    WHEN key_name <> ''
    THEN 'key'
    WHEN via <> ''
    THEN 'impersonation'
    WHEN caller_kind IN ('workload', 'federated')
    THEN 'federation'
    ELSE 'own credentials'
  END AS how,
  MAX(project) AS project,
  SUM(calls) AS calls,
  SUM(calls) - SUM(failures) AS minted,
  SUM(denials) AS denials,
  MIN(first_at) AS first_at,
  MAX(last_at) AS last_at
FROM habits_by_day
WHERE
  service = 'iamcredentials.googleapis.com' AND target <> ''
GROUP BY
  day,
  target,
  caller,
  via,
  method,
  how
