-- Which audit log reached us late?
-- Twenty entries within an hour that came more than fifteen minutes after they happened.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with entries as (
    select
        event_key,
        log,
        occurred_at,
        log_name,
        insert_id,
        timestamp,
        unix_seconds(received_at) - unix_seconds(occurred_at) as delay,
        div(unix_seconds(occurred_at), 3600) as hour
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and log != ''
    qualify row_number() over (partition by event_key order by received_at) = 1
),

late as (
    select
        log,
        hour,
        occurred_at,
        log_name,
        insert_id,
        timestamp,
        row_number() over (partition by log, hour order by occurred_at, event_key) as position
    from entries
    where delay > 900
),

totals as (
    select
        log,
        hour,
        count(*) as calls,
        max(delay) as longest
    from entries
    where delay > 900
    group by log, hour
)

select
    late.log as caller,
    '' as caller_name,
    '' as caller_ip,
    '' as user_agent,
    '' as project,
    '' as resource,
    '' as target,
    totals.calls,
    0 as succeeded,
    cast(div(totals.longest, 60) as string) as items,
    '' as known_since,
    '' as subject,
    late.occurred_at,
    late.log_name,
    late.insert_id,
    late.timestamp
from late
inner join totals
    on
        late.log = totals.log
        and late.hour = totals.hour
where late.position = 20
