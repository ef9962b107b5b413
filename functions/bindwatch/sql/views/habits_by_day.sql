-- Who did what to what, day by day?
-- A day may be rolled up more than once; its latest roll-up holds.
with rolled as (
    select
        day,
        max(rolled_at) as rolled_at
    from `${dataset}.habits`
    group by day
)

select distinct
    habits.day,
    habits.project,
    habits.caller,
    habits.caller_name,
    habits.caller_kind,
    habits.via,
    habits.key_name,
    habits.service,
    habits.method,
    habits.target,
    habits.resource,
    habits.permissions,
    habits.from_metadata_server,
    habits.tool,
    habits.country,
    habits.network,
    habits.calls,
    habits.failures,
    habits.denials,
    habits.first_at,
    habits.last_at
from `${dataset}.habits` as habits
inner join rolled
    on
        habits.day = rolled.day
        and habits.rolled_at = rolled.rolled_at
