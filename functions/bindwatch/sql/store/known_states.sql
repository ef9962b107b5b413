-- Of which objects is the state known, and as what?
-- Policies are asked for by themselves.
-- @projects string: the projects they are in. @everywhere: whether all are meant.
select
    resource,
    kind,
    snapshot_key
from `${dataset}.snapshots`
where
    kind not in ('policy', 'deny-policies', 'roles')
    and (@everywhere or project in unnest(@projects))
qualify row_number() over (partition by resource, kind order by seen_at desc, snapshot_key) = 1
order by resource, kind
