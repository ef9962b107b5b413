-- Which permissions did each caller use on what, on which days?
-- Only checks that were granted. The resource is that of the entry: activity does not keep that of each check.
-- @since timestamp = -90d: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from then on are not read.
select
    activity.caller,
    permission,
    activity.resource,
    activity.project,
    activity.log,
    min(activity.occurred_at) as first_at,
    max(activity.occurred_at) as last_at,
    count(*) as uses
from `${dataset}.activity` as activity
cross join unnest(activity.permissions_granted) as permission
where
    activity.occurred_at >= @since
    and activity.occurred_at < @until
group by
    activity.caller,
    permission,
    activity.resource,
    activity.project,
    activity.log,
    timestamp_trunc(activity.occurred_at, day)
