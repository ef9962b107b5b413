-- Who was refused many different things within an hour?
-- Twenty refusals that name at least five permissions: somebody finds out what it may do. Pods whose binding is broken
-- ask for the same thing again and again and are not meant.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with refusals as (
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
        log_name,
        insert_id,
        timestamp,
        array_to_string(permissions_missing, '+') as wanted,
        unix_seconds(occurred_at) as second
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and denied
        and not from_metadata_server
    qualify row_number() over (partition by event_key order by received_at) = 1
),

shifted as (
    select
        refusals.event_key,
        refusals.occurred_at,
        refusals.caller,
        refusals.caller_name,
        refusals.caller_ip,
        refusals.user_agent,
        refusals.project,
        refusals.resource,
        refusals.target,
        refusals.log_name,
        refusals.insert_id,
        refusals.timestamp,
        refusals.wanted,
        shift,
        refusals.second + shift as shifted_second
    from refusals
    cross join unnest([0, 1800]) as shift
),

placed as (
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
        log_name,
        insert_id,
        timestamp,
        wanted,
        shift,
        div(shifted_second, 3600) as hour
    from shifted
    where div(shifted_second, 3600) * 3600 - shift >= unix_seconds(@since)
),

numbered as (
    select
        event_key,
        caller,
        shift,
        hour,
        row_number() over (partition by caller, shift, hour order by occurred_at, event_key) as refused
    from placed
),

totals as (
    select
        caller,
        shift,
        hour,
        count(*) as calls,
        count(distinct wanted) as wants,
        string_agg(distinct wanted, ',' order by wanted) as items
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
    0 as succeeded,
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
where
    numbered.refused = 20
    and totals.wants >= 5
qualify
    row_number() over (
        partition by placed.caller, div(unix_seconds(placed.occurred_at), 3600)
        order by totals.calls desc, placed.occurred_at, placed.shift
    ) = 1
order by placed.occurred_at, placed.caller
