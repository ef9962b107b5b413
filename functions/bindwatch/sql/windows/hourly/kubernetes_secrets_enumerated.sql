-- Who read many different secrets of clusters within an hour?
-- The control plane and the controllers of kube-system read all secrets and are not meant.
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
    resource as item,
    resource as shown,
    10 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and service = 'k8s.io'
    and method in ('io.k8s.core.v1.secrets.get', 'io.k8s.core.v1.secrets.list')
    and not failed
    and (not starts_with(caller, 'system:') or starts_with(caller, 'system:serviceaccount:'))
    and not starts_with(caller, 'system:serviceaccount:kube-system:')
