-- Which workload or node asked the API server again and again what it may do?
-- People do so with every kubectl auth can-i; what runs in a pod knows.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
select
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
    event_key as item,
    resource as shown,
    5 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and service = 'k8s.io'
    and regexp_contains(method, r'^io\.k8s\.authorization\.v1\.selfsubject(access|rules)reviews\.create$')
    and regexp_contains(caller, r'^system:(serviceaccount|node|anonymous)')
    and not starts_with(caller, 'system:serviceaccount:kube-system:')
