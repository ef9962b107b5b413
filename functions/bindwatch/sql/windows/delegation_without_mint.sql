-- Who acted through a service account though nobody was seen to mint a token for it?
-- A token lives an hour, so the hour before the call is looked at; accounts of projects whose mints were never seen in
-- the last 30 days are not judged, since their Data Access logs are off.
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
        service,
        target,
        impersonators,
        log_name,
        insert_id,
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and not failed
        and caller_kind = 'service-account'
    qualify row_number() over (partition by event_key order by received_at) = 1
),

delegated as (
    select
        acts.event_key,
        acts.occurred_at,
        acts.caller,
        impersonator
    from acts
    cross join unnest(acts.impersonators) as impersonator
    where
        acts.service != 'iamcredentials.googleapis.com'
        and acts.occurred_at >= timestamp_add(@since, interval 65 minute)
    qualify row_number() over (partition by acts.caller, impersonator order by acts.occurred_at, acts.event_key) = 1
),

minted as (
    select
        concat('serviceAccount:', target) as account,
        occurred_at
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and service = 'iamcredentials.googleapis.com'
        and not failed
),

explained as (
    select distinct delegated.event_key
    from delegated
    inner join minted on delegated.caller = minted.account
    where
        minted.occurred_at <= delegated.occurred_at
        and unix_seconds(delegated.occurred_at) - unix_seconds(minted.occurred_at) <= 3900
),

watched as (
    select distinct concat('serviceAccount:', target) as account
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 30 day)
        and day <= date(@until)
        and service = 'iamcredentials.googleapis.com'
        and calls > failures
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
    delegated.impersonator as items,
    '' as known_since,
    '' as subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from delegated
inner join acts on delegated.event_key = acts.event_key
inner join watched on delegated.caller = watched.account
left join explained on delegated.event_key = explained.event_key
where explained.event_key is null
