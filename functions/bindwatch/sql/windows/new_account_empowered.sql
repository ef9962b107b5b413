-- Which service account was made and given a role that leads to more within an hour?
-- The roles are findings of the rules that judge grants, in event time.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with created as (
    select
        occurred_at,
        caller,
        caller_name,
        caller_ip,
        user_agent,
        project,
        resource,
        target
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and service = 'iam.googleapis.com'
        and ends_with(method, '.CreateServiceAccount')
        and target != ''
        and not failed
    qualify row_number() over (partition by target order by occurred_at, event_key) = 1
),

granted as (
    select
        event_key,
        observed_at,
        principal,
        subject,
        resource_name,
        severity_level,
        evidence[safe_offset(0)] as source
    from `${dataset}.finding_events`
    where
        observed_at >= @since
        and observed_at < @until
        and change = 'OPEN'
        and source_kind = 'log'
        and rule_id in (
            'privileged-role', 'impersonation-role-on-project', 'impersonation-role-on-service-account'
        )
        and severity_level >= 2
    qualify row_number() over (partition by event_key order by recorded_at) = 1
),

pairs as (
    select
        created.target,
        granted.event_key,
        granted.subject,
        granted.resource_name,
        granted.observed_at,
        granted.source,
        granted.severity_level,
        created.occurred_at as created_at
    from created
    inner join granted on concat('serviceAccount:', created.target) = granted.principal
    where
        granted.observed_at >= created.occurred_at
        and unix_seconds(granted.observed_at) - unix_seconds(created.occurred_at) <= 3600
    qualify
        row_number() over (
            partition by created.target order by granted.observed_at, granted.severity_level desc, granted.event_key
        ) = 1
)

select
    created.caller,
    created.caller_name,
    created.caller_ip,
    created.user_agent,
    created.project,
    pairs.resource_name as resource,
    created.target,
    unix_seconds(pairs.observed_at) - unix_seconds(pairs.created_at) as calls,
    pairs.severity_level as succeeded,
    pairs.subject as items,
    '' as known_since,
    '' as subject,
    pairs.observed_at as occurred_at,
    pairs.source.log_name,
    pairs.source.insert_id,
    pairs.source.timestamp
from pairs
inner join created on pairs.target = created.target
