-- The twin of ../../store/latest_snapshot.sql for DuckDB, written by scripts/sql_twins; not to be edited.
-- What was the last known content of this resource before then?
-- @resource string: canonical full resource name.
-- @kind string: policy, or the kind of an object whose state is kept (provider, role, sink).
-- @before timestamp = now: only what was seen before.
SELECT
  content,
  etag,
  seen_at
FROM snapshots
WHERE
  resource = $resource AND kind = $kind AND seen_at < $before
QUALIFY
  ROW_NUMBER() OVER (ORDER BY seen_at DESC, snapshot_key NULLS FIRST) = 1
