-- Who was refused many different things within an hour?
-- Twenty refusals that name at least five permissions: somebody finds out what it may do. Pods whose binding is broken
-- ask for the same thing again and again and are not meant.
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
    true as failed,
    log_name,
    insert_id,
    timestamp,
    event_key as item,
    array_to_string(permissions_missing, '+') as shown,
    20 as least,
    5 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and denied
    and not from_metadata_server
