-- Which roles did the policy of this resource give to whom, as last known before then?
-- A row without a member says that the policy was known and empty.
-- @resource string: canonical full resource name.
-- @before timestamp: only what was seen before.
with latest as (
    select
        resource,
        grants
    from `${dataset}.snapshots`
    where
        resource = @resource
        and kind = 'policy'
        and seen_at < @before
    qualify row_number() over (order by seen_at desc, snapshot_key) = 1
)

select
    grant_item.role,
    grant_item.member,
    grant_item.condition
from latest
left join unnest(latest.grants) as grant_item
