-- Who called from a country or a network they had never called from before?
-- New is what the daily roll-up of the 90 days before does not show; a caller whose places are known for less than 14
-- days is not judged. Places are known only where the user's settings name a GeoIP database.
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
        log_name,
        insert_id,
        timestamp,
        caller_country,
        caller_network
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and not failed
        and caller_kind != 'redacted'
        and coalesce(caller_country, caller_network, '') != ''
    qualify row_number() over (partition by event_key order by received_at) = 1
),

places as (
    select
        event_key,
        occurred_at,
        caller,
        concat('country:', caller_country) as item
    from calls_made
    where caller_country != ''
    union all
    select
        event_key,
        occurred_at,
        caller,
        concat('network:', replace(caller_network, ',', '')) as item
    from calls_made
    where caller_network != ''
),

firsts as (
    select
        event_key,
        caller,
        item
    from places
    qualify row_number() over (partition by caller, item order by occurred_at, event_key) = 1
),

seen as (
    select
        caller,
        country,
        network,
        min(first_at) as first_at
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
        and first_at < @since
        and coalesce(country, network, '') != ''
    group by caller, country, network
),

known as (
    select
        caller,
        concat('country:', country) as item,
        min(first_at) as first_at
    from seen
    where country != ''
    group by caller, item
    union all
    select
        caller,
        concat('network:', replace(network, ',', '')) as item,
        min(first_at) as first_at
    from seen
    where network != ''
    group by caller, item
),

callers as (
    select
        caller,
        split(item, ':')[offset(0)] as kind,
        min(first_at) as known_since
    from known
    group by caller, kind
)

select
    calls_made.caller,
    calls_made.caller_name,
    calls_made.caller_ip,
    calls_made.user_agent,
    calls_made.project,
    calls_made.resource,
    calls_made.target,
    1 as calls,
    1 as succeeded,
    firsts.item as items,
    cast(date(callers.known_since) as string) as known_since,
    '' as subject,
    calls_made.occurred_at,
    calls_made.log_name,
    calls_made.insert_id,
    calls_made.timestamp
from firsts
inner join calls_made on firsts.event_key = calls_made.event_key
inner join callers
    on
        firsts.caller = callers.caller
        and callers.kind = split(firsts.item, ':')[offset(0)]
left join known
    on
        firsts.caller = known.caller
        and firsts.item = known.item
where
    known.caller is null
    and unix_seconds(calls_made.occurred_at) - unix_seconds(callers.known_since) >= 14 * 86400
