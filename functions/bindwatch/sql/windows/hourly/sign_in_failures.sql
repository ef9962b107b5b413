-- Who failed to sign in again and again within an hour?
-- Entries of sign-ins arrive up to an hour and a half late, which is within what a sweep looks back.
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
    caller_name as shown,
    5 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and service = 'login.googleapis.com'
    and ends_with(method, '.loginFailure')
