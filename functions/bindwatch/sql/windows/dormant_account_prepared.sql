-- Who made a key for a service account that had been silent for sixty days, changed its policy, or gave it a role?
-- Silent is what the daily roll-up does not show acting. An account that was never seen acting is not judged: the
-- roll-up may not be old enough.
-- The roles are findings of the rules that judge grants, in event time, joined with the entry that gave them.
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

given as (
    select
        observed_at,
        principal,
        subject,
        resource_name,
        evidence[safe_offset(0)] as source
    from `${dataset}.finding_events`
    where
        observed_at >= @since
        and observed_at < @until
        and change = 'OPEN'
        and source_kind = 'log'
        and rule_id in ('privileged-role', 'impersonation-role-on-project', 'impersonation-role-on-service-account')
        and severity_level >= 2
        and starts_with(principal, 'serviceAccount:')
    qualify row_number() over (partition by principal, event_key order by recorded_at) = 1
),

empowered as (
    select
        activity.occurred_at,
        activity.caller,
        activity.caller_name,
        activity.caller_ip,
        activity.user_agent,
        activity.project,
        given.resource_name as resource,
        substr(given.principal, 16) as target,
        given.subject as method,
        activity.log_name,
        activity.insert_id,
        activity.timestamp
    from given
    inner join `${dataset}.activity` as activity
        on
            given.source.insert_id = activity.insert_id
            and given.source.timestamp = activity.timestamp
            and given.source.log_name = activity.log_name
    where
        activity.occurred_at >= @since
        and activity.occurred_at < @until
    qualify
        row_number() over (
            partition by given.principal, activity.event_key order by activity.received_at, given.subject
        ) = 1
),

awakened as (
    select
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
    from prepared
    union all
    select
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
    from empowered
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
    awakened.caller,
    awakened.caller_name,
    awakened.caller_ip,
    awakened.user_agent,
    awakened.project,
    awakened.resource,
    awakened.target,
    1 as calls,
    1 as succeeded,
    awakened.method as items,
    cast(date(acted.last_at) as string) as known_since,
    '' as subject,
    awakened.occurred_at,
    awakened.log_name,
    awakened.insert_id,
    awakened.timestamp
from awakened
inner join acted on concat('serviceAccount:', awakened.target) = acted.caller
where unix_seconds(awakened.occurred_at) - unix_seconds(acted.last_at) >= 60 * 86400
