-- Who disabled several APIs within an hour?
-- The closing entry of each operation is left out.
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
    6 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and service = 'serviceusage.googleapis.com'
    and ends_with(method, '.DisableService')
    and not failed
    and (operation_first or not operation_last)
