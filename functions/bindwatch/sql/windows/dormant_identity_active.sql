-- Which service account acts again after sixty days of silence?
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with acts as (
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
        and caller_kind = 'service-account'
        and not failed
    qualify row_number() over (partition by caller order by occurred_at, event_key) = 1
),

earlier as (
    select
        caller,
        max(last_at) as last_at
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 365 day)
        and day <= date(@until)
        and caller_kind = 'service-account'
        and first_at < @since
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
    '' as items,
    cast(date(earlier.last_at) as string) as known_since,
    '' as subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from acts
inner join earlier on acts.caller = earlier.caller
where unix_seconds(acts.occurred_at) - unix_seconds(earlier.last_at) >= 60 * 86400
