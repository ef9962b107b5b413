-- Who was refused the credentials of many service accounts within an hour?
-- Counted per caller; a caller that Google redacted is known by its address and user agent.
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
    case when denied then target end as item,
    case when denied then target end as shown,
    5 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and service = 'iamcredentials.googleapis.com'
    and target != ''
