-- The twin of ../../../windows/hourly/kubernetes_secrets_enumerated.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Who read many different secrets of clusters within an hour?
-- The control plane and the controllers of kube-system read all secrets and are not meant.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
SELECT
  event_key,
  received_at,
  occurred_at,
  caller,
  caller_name,
  caller_ip,
  user_agent,
  project,
  resource,
  target,
  failed,
  log_name,
  insert_id,
  timestamp,
  resource AS item,
  resource AS shown,
  10 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND service = 'k8s.io'
  AND method IN ('io.k8s.core.v1.secrets.get', 'io.k8s.core.v1.secrets.list')
  AND NOT failed
  AND (
    NOT STARTS_WITH(caller, 'system:')
    OR STARTS_WITH(caller, 'system:serviceaccount:')
  )
  AND NOT STARTS_WITH(caller, 'system:serviceaccount:kube-system:')
