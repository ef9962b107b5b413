-- What did this principal do, entry by entry, newest first?
-- @principal string: an e-mail, or a principal:// subject; also as whom others acted.
-- @since timestamp = -1d: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
select
    occurred_at,
    method,
    service,
    resource,
    target,
    project,
    status_code,
    caller_ip,
    user_agent,
    array_to_string(impersonators, ' > ') as via,
    key_name,
    log_name,
    insert_id
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and caller_name = @principal
qualify row_number() over (partition by event_key order by received_at) = 1
order by occurred_at desc, insert_id
