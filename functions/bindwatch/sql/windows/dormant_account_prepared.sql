-- Who made a key for, or changed the policy of, a service account that had been silent for sixty days?
-- Silent is what the daily roll-up does not show acting. An account that was never seen acting is not judged: the
-- roll-up may not be old enough.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with prepared as (
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
        method,
        log_name,
        insert_id,
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and service = 'iam.googleapis.com'
        and method in (
            'google.iam.admin.v1.CreateServiceAccountKey',
            'google.iam.admin.v1.UploadServiceAccountKey',
            'google.iam.admin.v1.SetIAMPolicy',
            'google.iam.admin.v1.EnableServiceAccount'
        )
        and target != ''
        and not failed
    qualify row_number() over (partition by event_key order by received_at) = 1
),

acted as (
    select
        caller,
        max(last_at) as last_at
    from `${dataset}.habits`
    where
        day >= date_sub(date(@since), interval 365 day)
        and day <= date(@until)
        and caller_kind = 'service-account'
    group by caller
)

select
    prepared.caller,
    prepared.caller_name,
    prepared.caller_ip,
    prepared.user_agent,
    prepared.project,
    prepared.resource,
    prepared.target,
    1 as calls,
    1 as succeeded,
    prepared.method as items,
    cast(date(acted.last_at) as string) as known_since,
    prepared.occurred_at,
    prepared.log_name,
    prepared.insert_id,
    prepared.timestamp
from prepared
inner join acted on concat('serviceAccount:', prepared.target) = acted.caller
where unix_seconds(prepared.occurred_at) - unix_seconds(acted.last_at) >= 60 * 86400
order by prepared.occurred_at, prepared.caller
