-- Which permissions did each caller use on what, on which days?
-- Only checks that were granted. The resource is that of the entry: activity does not keep that of each check.
-- @since timestamp = -90d: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from then on are not read.
with entries as (
    select
        caller,
        permissions_granted,
        resource,
        project,
        log,
        occurred_at
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
    qualify row_number() over (partition by event_key order by received_at) = 1
)

select
    entries.caller,
    permission,
    entries.resource,
    entries.project,
    entries.log,
    min(entries.occurred_at) as first_at,
    max(entries.occurred_at) as last_at,
    count(*) as uses
from entries
cross join unnest(entries.permissions_granted) as permission
group by
    entries.caller,
    permission,
    entries.resource,
    entries.project,
    entries.log,
    timestamp_trunc(entries.occurred_at, day)
order by
    last_at desc,
    caller,
    permission,
    resource,
    project,
    log
