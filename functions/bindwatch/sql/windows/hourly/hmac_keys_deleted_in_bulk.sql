-- Who deleted several HMAC keys within an hour?
-- Each deletion counts.
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
    2 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and method = 'storage.hmacKeys.delete'
    and not failed
