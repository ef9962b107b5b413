-- Who was refused the credentials of many service accounts within an hour?
-- Counted per caller; a caller that Google redacted is known by its address and user agent. Hours overlap by half, so
-- that what lasts less than half an hour is never cut in two.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with attempts as (
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
        denied,
        failed,
        log_name,
        insert_id,
        timestamp,
        unix_seconds(occurred_at) as second
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and service = 'iamcredentials.googleapis.com'
        and target != ''
    qualify row_number() over (partition by event_key order by received_at) = 1
),

shifted as (
    select
        attempts.event_key,
        attempts.occurred_at,
        attempts.caller,
        attempts.caller_name,
        attempts.caller_ip,
        attempts.user_agent,
        attempts.project,
        attempts.resource,
        attempts.target,
        attempts.denied,
        attempts.failed,
        attempts.log_name,
        attempts.insert_id,
        attempts.timestamp,
        case when attempts.denied then attempts.target end as refused_target,
        shift,
        attempts.second + shift as shifted_second
    from attempts
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
        denied,
        failed,
        log_name,
        insert_id,
        timestamp,
        refused_target,
        shift,
        div(shifted_second, 3600) as hour
    from shifted
    where div(shifted_second, 3600) * 3600 - shift >= unix_seconds(@since)
),

first_refusals as (
    select
        event_key,
        occurred_at,
        caller,
        shift,
        hour
    from placed
    where denied
    qualify row_number() over (partition by caller, shift, hour, target order by occurred_at, event_key) = 1
),

numbered as (
    select
        event_key,
        caller,
        shift,
        hour,
        row_number() over (partition by caller, shift, hour order by occurred_at, event_key) as accounts
    from first_refusals
),

totals as (
    select
        caller,
        shift,
        hour,
        countif(denied) as calls,
        countif(not failed) as succeeded,
        string_agg(distinct refused_target, ',' order by refused_target) as items
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
where numbered.accounts = 5
qualify
    row_number() over (
        partition by placed.caller, div(unix_seconds(placed.occurred_at), 3600)
        order by totals.calls desc, placed.occurred_at, placed.shift
    ) = 1
order by placed.occurred_at, placed.caller
