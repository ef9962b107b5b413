-- From which address did many people fail to sign in within an hour?
-- Counted by address, whoever the person is.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
select
    event_key,
    received_at,
    occurred_at,
    caller_ip as caller,
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
    caller_name as item,
    caller_name as shown,
    5 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and service = 'login.googleapis.com'
    and ends_with(method, '.loginFailure')
    and caller_ip != ''
