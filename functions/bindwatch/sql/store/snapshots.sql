-- What is the last known content of everything of this kind?
-- @kind string: policy, deny-policies or roles.
select
    resource,
    snapshot_key,
    content,
    seen_at
from `${dataset}.snapshots`
where kind = @kind
qualify row_number() over (partition by resource order by seen_at desc, snapshot_key) = 1
order by seen_at, resource
