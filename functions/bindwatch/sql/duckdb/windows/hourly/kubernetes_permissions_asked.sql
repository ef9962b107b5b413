-- The twin of ../../../windows/hourly/kubernetes_permissions_asked.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- Which workload or node asked the API server again and again what it may do?
-- People do so with every kubectl auth can-i; what runs in a pod knows.
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
  event_key AS item,
  resource AS shown,
  5 AS least,
  0 AS least_shown
FROM activity
WHERE
  occurred_at >= $since
  AND occurred_at < $until
  AND service = 'k8s.io'
  AND REGEXP_MATCHES(method, '^io\.k8s\.authorization\.v1\.selfsubject(access|rules)reviews\.create$')
  AND REGEXP_MATCHES(caller, '^system:(serviceaccount|node|anonymous)')
  AND NOT STARTS_WITH(caller, 'system:serviceaccount:kube-system:')
