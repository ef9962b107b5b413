-- Who bound a tag and then changed policies or identities within an hour?
-- A tag can fulfil the condition of a grant, or lift a deny policy: binding one is the step before what it unlocks.
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
        target,
        method,
        log_name,
        insert_id,
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and not failed
        and (
            ends_with(method, 'CreateTagBinding')
            or regexp_contains(lower(method), r'(setiampolicy|setiampermissions|createserviceaccountkey)$')
            or regexp_contains(lower(method), r'(createrole|updaterole|generateaccesstoken|deletepolicy)$')
        )
    qualify row_number() over (partition by event_key order by received_at) = 1
),

pairs as (
    select
        used.event_key,
        count(*) as calls,
        string_agg(distinct bound.resource, ',' order by bound.resource) as items
    from acts as used
    inner join acts as bound on used.caller = bound.caller
    where
        ends_with(bound.method, 'CreateTagBinding')
        and not ends_with(used.method, 'CreateTagBinding')
        and used.occurred_at > bound.occurred_at
        and unix_seconds(used.occurred_at) - unix_seconds(bound.occurred_at) <= 3600
    group by used.event_key
)

select
    acts.caller,
    acts.caller_name,
    acts.caller_ip,
    acts.user_agent,
    acts.project,
    acts.resource,
    acts.target,
    pairs.calls,
    pairs.calls as succeeded,
    acts.method as items,
    pairs.items as known_since,
    '' as subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from acts
inner join pairs on acts.event_key = pairs.event_key
qualify
    row_number() over (
        partition by acts.caller, div(unix_seconds(acts.occurred_at), 3600) order by acts.occurred_at, acts.event_key
    ) = 1
