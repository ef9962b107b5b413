-- Which service account called a method on identities, policies, logs or secrets that it had never called before?
-- New is what the daily roll-up of the 90 days before does not show; an account that was first seen less than 14 days
-- before is still being set up and is not judged.
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
        service,
        method,
        log_name,
        insert_id,
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and not failed
        and log = 'activity'
        and caller_kind in ('service-account', 'federated', 'workload')
        and service in (
            'iam.googleapis.com',
            'cloudresourcemanager.googleapis.com',
            'orgpolicy.googleapis.com',
            'logging.googleapis.com',
            'secretmanager.googleapis.com',
            'privilegedaccessmanager.googleapis.com',
            'accesscontextmanager.googleapis.com'
        )
    qualify row_number() over (partition by caller, service, method order by occurred_at, event_key) = 1
),

callers as (
    select
        caller,
        min(first_at) as known_since
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
        and first_at < @since
    group by caller
),

known as (
    select distinct
        caller,
        service,
        method
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 90 day)
        and day <= date(@until)
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
    acts.method as items,
    cast(date(callers.known_since) as string) as known_since,
    '' as subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from acts
inner join callers on acts.caller = callers.caller
left join known
    on
        acts.caller = known.caller
        and acts.service = known.service
        and acts.method = known.method
where
    known.caller is null
    and unix_seconds(acts.occurred_at) - unix_seconds(callers.known_since) >= 14 * 86400
