-- What was the last known content of this resource before then?
-- @resource string: canonical full resource name.
-- @kind string: policy, or the kind of an object whose state is kept (provider, role, sink).
-- @before timestamp = now: only what was seen before.
select
    content,
    etag,
    seen_at
from `${dataset}.snapshots`
where
    resource = @resource
    and kind = @kind
    and seen_at < @before
qualify row_number() over (order by seen_at desc, snapshot_key) = 1
