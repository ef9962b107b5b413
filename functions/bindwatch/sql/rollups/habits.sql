-- Who did what to what on these days?
-- Each entry counts once, however often it was delivered.
-- @since timestamp: the start of the first day. @until timestamp: the end of the last. @now timestamp: now.
with entries as (
    select
        occurred_at,
        project,
        caller,
        caller_name,
        caller_kind,
        array_to_string(impersonators, '>') as via,
        key_name,
        service,
        method,
        target,
        resource,
        array_to_string(permissions_granted, ',') as permissions,
        from_metadata_server,
        coalesce(regexp_extract(user_agent, r'^[A-Za-z][A-Za-z0-9_.+-]*'), '') as tool,
        coalesce(caller_country, '') as country,
        coalesce(caller_network, '') as network,
        failed,
        denied
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
    qualify row_number() over (partition by event_key order by received_at) = 1
)

select
    date(occurred_at) as day,
    @now as rolled_at,
    project,
    caller,
    max(caller_name) as caller_name,
    max(caller_kind) as caller_kind,
    via,
    key_name,
    service,
    method,
    target,
    resource,
    permissions,
    from_metadata_server,
    tool,
    country,
    network,
    count(*) as calls,
    countif(failed) as failures,
    countif(denied) as denials,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from entries
group by
    day, project, caller, via, key_name, service, method, target, resource, permissions, from_metadata_server,
    tool, country, network
