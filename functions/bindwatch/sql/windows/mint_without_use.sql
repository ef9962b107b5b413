-- Which person minted a token for a service account that nobody was seen to use, though they are seen using it else?
-- A token lives an hour: only mints older than that are judged. Whom nobody saw acting through the account in the last
-- 30 days may be reading what is in no log, and is not judged.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with acts as (
    select
        event_key,
        occurred_at,
        caller,
        caller_kind,
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
    qualify row_number() over (partition by event_key order by received_at) = 1
),

minted as (
    select
        event_key,
        occurred_at,
        caller,
        concat('serviceAccount:', target) as account
    from acts
    where
        service = 'iamcredentials.googleapis.com'
        and caller_kind in ('user', 'workforce')
        and target != ''
        and occurred_at < timestamp_sub(@until, interval 65 minute)
    qualify row_number() over (partition by caller, target order by occurred_at, event_key) = 1
),

used as (
    select
        acts.caller as account,
        impersonator,
        acts.occurred_at
    from acts
    cross join unnest(acts.impersonators) as impersonator
    where acts.caller_kind = 'service-account'
),

spent as (
    select distinct minted.event_key
    from minted
    inner join used
        on
            minted.account = used.account
            and minted.caller = used.impersonator
    where
        used.occurred_at >= minted.occurred_at
        and unix_seconds(used.occurred_at) - unix_seconds(minted.occurred_at) <= 3900
),

usual as (
    select distinct
        caller as account,
        via
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 30 day)
        and day <= date(@until)
        and via != ''
        and calls > failures
        and first_at < @since
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
    '' as items,
    '' as known_since,
    '' as subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from minted
inner join acts on minted.event_key = acts.event_key
inner join usual
    on
        minted.account = usual.account
        and minted.caller = usual.via
left join spent on minted.event_key = spent.event_key
where spent.event_key is null
