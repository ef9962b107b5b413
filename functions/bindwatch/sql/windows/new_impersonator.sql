-- Who got the credentials of a service account for the first time, though the account was in use for weeks?
-- New is what the daily roll-up of the 90 days before does not show; an account that was first used less than 14 days
-- before is still being set up and is not judged, unless pods of GKE were using it and the newcomer is none.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with minted as (
    select
        occurred_at,
        caller,
        caller_name,
        caller_ip,
        user_agent,
        project,
        resource,
        target,
        from_metadata_server,
        log_name,
        insert_id,
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and service = 'iamcredentials.googleapis.com'
        and target != ''
        and not failed
    qualify row_number() over (partition by caller, target order by occurred_at, event_key) = 1
),

used as (
    select
        target,
        min(first_at) as known_since,
        logical_or(from_metadata_server) as by_pods
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
        and service = 'iamcredentials.googleapis.com'
        and calls > failures
        and first_at < @since
    group by target
),

pairs as (
    select distinct
        caller,
        target
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
        and service = 'iamcredentials.googleapis.com'
        and calls > failures
        and first_at < @since
)

select
    minted.caller,
    minted.caller_name,
    minted.caller_ip,
    minted.user_agent,
    minted.project,
    minted.resource,
    minted.target,
    1 as calls,
    1 as succeeded,
    case when used.by_pods and not minted.from_metadata_server then 'not-a-pod' else '' end as items,
    cast(date(used.known_since) as string) as known_since,
    '' as subject,
    minted.occurred_at,
    minted.log_name,
    minted.insert_id,
    minted.timestamp
from minted
inner join used on minted.target = used.target
left join pairs
    on
        minted.caller = pairs.caller
        and minted.target = pairs.target
where
    pairs.caller is null
    and (
        unix_seconds(minted.occurred_at) - unix_seconds(used.known_since) >= 14 * 86400
        or (used.by_pods and not minted.from_metadata_server)
    )
