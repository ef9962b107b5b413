-- Who deleted several HMAC keys within an hour?
-- Each deletion counts. Hours overlap by half, so that what lasts less than half an hour is never cut in two.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with calls_made as (
    select
        event_key,
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
        unix_seconds(occurred_at) as second
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and method = 'storage.hmacKeys.delete'
        and not failed
    qualify row_number() over (partition by event_key order by received_at) = 1
),

placed as (
    select
        calls_made.event_key,
        calls_made.occurred_at,
        calls_made.caller,
        calls_made.caller_name,
        calls_made.caller_ip,
        calls_made.user_agent,
        calls_made.project,
        calls_made.resource,
        calls_made.target,
        calls_made.failed,
        calls_made.log_name,
        calls_made.insert_id,
        calls_made.timestamp,
        calls_made.item,
        shift,
        div((calls_made.second + shift), 3600) as hour
    from calls_made
    cross join unnest([0, 1800]) as shift
    where div((calls_made.second + shift), 3600) * 3600 - shift >= unix_seconds(@since)
),

firsts as (
    select
        event_key,
        occurred_at,
        caller,
        shift,
        hour
    from placed
    qualify row_number() over (partition by caller, shift, hour, item order by occurred_at, event_key) = 1
),

numbered as (
    select
        event_key,
        caller,
        shift,
        hour,
        row_number() over (partition by caller, shift, hour order by occurred_at, event_key) as nth
    from firsts
),

totals as (
    select
        caller,
        shift,
        hour,
        count(*) as calls,
        countif(not failed) as succeeded,
        string_agg(distinct resource, ',' order by resource) as items
    from placed
    group by caller, shift, hour
)

select
    placed.caller,
    placed.caller_name,
    placed.caller_ip,
    placed.user_agent,
    placed.project,
    placed.resource,
    placed.target,
    totals.calls,
    totals.succeeded,
    totals.items,
    '' as known_since,
    placed.occurred_at,
    placed.log_name,
    placed.insert_id,
    placed.timestamp
from numbered
inner join totals
    on
        numbered.caller = totals.caller
        and numbered.shift = totals.shift
        and numbered.hour = totals.hour
inner join placed
    on
        numbered.event_key = placed.event_key
        and numbered.shift = placed.shift
        and numbered.hour = placed.hour
where numbered.nth = 2
qualify
    row_number() over (
        partition by placed.caller, div(unix_seconds(placed.occurred_at), 3600)
        order by totals.calls desc, placed.occurred_at, placed.shift
    ) = 1
order by placed.occurred_at, placed.caller
