-- Which roles does each policy give to whom, as last seen?
with latest as (
    select
        resource,
        project,
        seen_at,
        grants
    from `${dataset}.snapshots`
    where kind = 'policy'
    qualify row_number() over (partition by resource order by seen_at desc, snapshot_key) = 1
)

select
    latest.resource,
    latest.project,
    latest.seen_at,
    grant_item.role,
    grant_item.member,
    grant_item.principal,
    grant_item.condition
from latest
cross join unnest(latest.grants) as grant_item
