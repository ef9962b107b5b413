-- Which audit of this scope was begun and not finished, and which of its shards are done?
-- @scope string: full resource name.
-- @since timestamp: what was begun before is given up.
with finished as (
    select run_id
    from `${dataset}.runs`
    where
        recorded_at >= @since
        and entry = 'finished'
        and scope = @scope
),

begun as (
    select
        runs.run_id,
        runs.as_of,
        runs.baseline
    from `${dataset}.runs` as runs
    left join finished on runs.run_id = finished.run_id
    where
        runs.recorded_at >= @since
        and runs.kind = 'audit'
        and runs.entry = 'started'
        and runs.scope = @scope
        and finished.run_id is null
    qualify row_number() over (order by runs.as_of desc, runs.run_id) = 1
),

shards as (
    select distinct
        run_id,
        shard
    from `${dataset}.runs`
    where
        recorded_at >= @since
        and entry = 'shard'
        and scope = @scope
)

select
    begun.run_id,
    begun.as_of,
    begun.baseline,
    coalesce(shards.shard, '') as shard
from begun
left join shards on begun.run_id = shards.run_id
order by shard
