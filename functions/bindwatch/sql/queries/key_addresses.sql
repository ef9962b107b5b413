-- From which addresses and programs is this key used?
-- @key string: its id, or its full resource name.
-- @since timestamp = -7d: entries before it are not read (prunes partitions).
with uses as (
    select
        occurred_at,
        caller_ip,
        user_agent,
        method
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and (key_name = @key or ends_with(key_name, concat('/keys/', @key)))
    qualify row_number() over (partition by event_key order by received_at) = 1
)

select
    caller_ip,
    user_agent,
    count(*) as calls,
    count(distinct method) as methods,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from uses
group by caller_ip, user_agent
order by calls desc, caller_ip, user_agent
