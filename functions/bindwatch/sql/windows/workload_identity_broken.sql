-- Which workload that was refused got what it wants since?
-- The refusals are open findings; what ends one is the first success of the same workload with the same target after
-- the last refusal, in event time. Where the refusal named permissions, one of them must have been granted now: that
-- an object can be read does not mean that it can be written.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with broken as (
    select
        finding_id,
        subject,
        principal,
        resource_name,
        project,
        last_seen,
        array_to_string(notes, ' ') as notes
    from `${dataset}.findings`
    where
        rule_id = 'workload-identity-broken'
        and state = 'OPEN'
),

acts as (
    select
        event_key,
        occurred_at,
        caller,
        caller_name,
        caller_ip,
        user_agent,
        service,
        target,
        regexp_replace(resource, r'/versions/[^/]+$', '') as resource,
        impersonators,
        permissions_granted,
        log_name,
        insert_id,
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and not failed
        and caller_kind in ('workload', 'federated', 'service-account')
    qualify row_number() over (partition by event_key order by received_at) = 1
),

actors as (
    select
        event_key,
        caller as actor
    from acts
    union distinct
    select
        acts.event_key,
        actor
    from acts
    cross join unnest(acts.impersonators) as actor
),

checks as (
    select
        acts.event_key,
        permission
    from acts
    left join unnest(acts.permissions_granted) as permission
),

ended as (
    select
        broken.finding_id,
        acts.event_key,
        broken.subject,
        broken.principal,
        broken.resource_name,
        broken.project,
        acts.occurred_at
    from broken
    inner join actors on broken.principal = actors.actor
    inner join acts on actors.event_key = acts.event_key
    inner join checks on acts.event_key = checks.event_key
    where
        acts.occurred_at > broken.last_seen
        and (
            broken.subject = concat(broken.principal, ' to //sts.googleapis.com')
            or broken.subject = concat(broken.principal, ' to ', acts.resource)
            or (
                acts.service = 'iamcredentials.googleapis.com'
                and broken.subject = concat(broken.principal, ' to ', acts.target)
            )
        )
        and (
            strpos(broken.notes, 'Refused: ') = 0
            or checks.permission is null
            or strpos(broken.notes, concat(' ', checks.permission, ',')) > 0
            or strpos(broken.notes, concat(' ', checks.permission, '.')) > 0
        )
    qualify row_number() over (partition by broken.finding_id order by acts.occurred_at, acts.event_key) = 1
)

select
    ended.principal as caller,
    acts.caller_name,
    acts.caller_ip,
    acts.user_agent,
    ended.project,
    ended.resource_name as resource,
    acts.target,
    1 as calls,
    1 as succeeded,
    '' as items,
    '' as known_since,
    ended.subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from ended
inner join acts on ended.event_key = acts.event_key
