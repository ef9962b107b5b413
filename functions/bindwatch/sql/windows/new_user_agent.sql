-- Which service account called with a tool it had never used before?
-- A tool is the first product that a user agent names. New is what the daily roll-up of the 90 days before does not
-- show; an account that was first seen less than 14 days before is still being set up and is not judged.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with acts as (
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
        coalesce(regexp_extract(user_agent, r'^[A-Za-z][A-Za-z0-9_.+-]*'), '') as tool
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and not failed
        and caller_kind in ('service-account', 'federated', 'kubernetes')
    qualify row_number() over (partition by event_key order by received_at) = 1
),

firsts as (
    select event_key
    from acts
    where tool != ''
    qualify row_number() over (partition by caller, tool order by occurred_at, event_key) = 1
),

known as (
    select
        caller,
        tool,
        min(first_at) as first_at
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
        and first_at < @since
        and tool != ''
    group by caller, tool
),

callers as (
    select
        caller,
        min(first_at) as known_since
    from known
    group by caller
)

select
    acts.caller,
    acts.caller_name,
    acts.caller_ip,
    acts.user_agent,
    acts.project,
    acts.resource,
    acts.target,
    1 as calls,
    1 as succeeded,
    acts.tool as items,
    cast(date(callers.known_since) as string) as known_since,
    '' as subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from firsts
inner join acts on firsts.event_key = acts.event_key
inner join callers on acts.caller = callers.caller
left join known
    on
        acts.caller = known.caller
        and acts.tool = known.tool
where
    known.caller is null
    and unix_seconds(acts.occurred_at) - unix_seconds(callers.known_since) >= 14 * 86400
