-- Which key of a service account was used from another network than the one it was made from, within an hour?
-- The keys are findings of the rule that judges them, in event time, joined with the entry that made them. A network is
-- the first half of a public IPv4 address, else the whole address.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with keys as (
    select
        subject as key_id,
        resource_name,
        evidence[safe_offset(0)] as source
    from `${dataset}.finding_events`
    where
        observed_at >= @since
        and observed_at < @until
        and change = 'OPEN'
        and source_kind = 'log'
        and rule_id = 'user-managed-key'
    qualify row_number() over (partition by event_key order by recorded_at) = 1
),

made as (
    select
        keys.key_id,
        keys.resource_name,
        activity.event_key,
        activity.occurred_at,
        activity.caller,
        activity.caller_name,
        activity.caller_ip,
        activity.user_agent,
        activity.project,
        activity.target,
        coalesce(regexp_extract(activity.caller_ip, r'^[0-9]+\.[0-9]+'), activity.caller_ip) as network
    from keys
    inner join `${dataset}.activity` as activity
        on
            keys.source.insert_id = activity.insert_id
            and keys.source.timestamp = activity.timestamp
            and keys.source.log_name = activity.log_name
    where
        activity.occurred_at >= @since
        and activity.occurred_at < @until
    qualify row_number() over (partition by keys.key_id order by activity.occurred_at, activity.event_key) = 1
),

used as (
    select
        event_key,
        occurred_at,
        caller_ip,
        log_name,
        insert_id,
        timestamp,
        regexp_extract(key_name, r'[^/]+$') as key_id,
        coalesce(regexp_extract(caller_ip, r'^[0-9]+\.[0-9]+'), caller_ip) as network
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and key_name != ''
        and caller_ip != ''
        and not failed
    qualify row_number() over (partition by event_key order by received_at) = 1
),

elsewhere as (
    select
        made.key_id,
        used.occurred_at,
        used.caller_ip,
        used.log_name,
        used.insert_id,
        used.timestamp
    from used
    inner join made on used.key_id = made.key_id
    where
        used.network != made.network
        and used.occurred_at >= made.occurred_at
        and unix_seconds(used.occurred_at) - unix_seconds(made.occurred_at) <= 3600
    qualify row_number() over (partition by made.key_id order by used.occurred_at, used.event_key) = 1
)

select
    made.caller,
    made.caller_name,
    made.caller_ip,
    made.user_agent,
    made.project,
    made.resource_name as resource,
    made.target,
    unix_seconds(elsewhere.occurred_at) - unix_seconds(made.occurred_at) as calls,
    1 as succeeded,
    concat(made.key_id, ',', elsewhere.caller_ip) as items,
    '' as known_since,
    '' as subject,
    elsewhere.occurred_at,
    elsewhere.log_name,
    elsewhere.insert_id,
    elsewhere.timestamp
from elsewhere
inner join made on elsewhere.key_id = made.key_id
