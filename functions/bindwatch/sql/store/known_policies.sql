-- Which policies are known, and as what?
-- @projects string: the projects they are in. @everywhere: whether all are meant.
select
    resource,
    project,
    snapshot_key
from `${dataset}.snapshots`
where
    kind = 'policy'
    and (@everywhere or project in unnest(@projects))
qualify row_number() over (partition by resource order by seen_at desc, snapshot_key) = 1
