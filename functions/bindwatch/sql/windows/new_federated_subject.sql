-- Who exchanged a token of another identity system for the first time, though its provider had been in use for weeks?
-- New is what the daily roll-up of the 90 days before does not show. A provider first used less than 14 days before is
-- being set up; one that lets more than 20 subjects in has new ones every day (branches, tenants): neither is judged.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with exchanged as (
    select
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
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and service = 'sts.googleapis.com'
        and caller_name != ''
        and not failed
    qualify row_number() over (partition by caller, resource order by occurred_at, event_key) = 1
),

known as (
    select
        resource,
        min(first_at) as known_since,
        count(distinct caller) as subjects
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
        and service = 'sts.googleapis.com'
        and calls > failures
        and first_at < @since
    group by resource
),

pairs as (
    select distinct
        caller,
        resource
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
        and service = 'sts.googleapis.com'
        and calls > failures
        and first_at < @since
)

select
    exchanged.caller,
    exchanged.caller_name,
    exchanged.caller_ip,
    exchanged.user_agent,
    exchanged.project,
    exchanged.resource,
    exchanged.target,
    1 as calls,
    1 as succeeded,
    cast(known.subjects as string) as items,
    cast(date(known.known_since) as string) as known_since,
    '' as subject,
    exchanged.occurred_at,
    exchanged.log_name,
    exchanged.insert_id,
    exchanged.timestamp
from exchanged
inner join known on exchanged.resource = known.resource
left join pairs
    on
        exchanged.caller = pairs.caller
        and exchanged.resource = pairs.resource
where
    pairs.caller is null
    and known.subjects <= 20
    and unix_seconds(exchanged.occurred_at) - unix_seconds(known.known_since) >= 14 * 86400
