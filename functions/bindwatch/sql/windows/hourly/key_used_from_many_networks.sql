-- Which key was used from several networks within an hour?
-- A network is the first half of a public IPv4 address: a program has one, a leaked key has many.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
select
    event_key,
    received_at,
    occurred_at,
    key_name as caller,
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
    regexp_extract(caller_ip, r'^[0-9]+\.[0-9]+') as item,
    regexp_extract(caller_ip, r'^[0-9]+\.[0-9]+') as shown,
    3 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and key_name != ''
    and not failed
    and regexp_contains(caller_ip, r'^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$')
    and not regexp_contains(
        caller_ip,
        r'^(10|127|169\.254|192\.168|172\.(1[6-9]|2[0-9]|3[01])|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\.'
    )
