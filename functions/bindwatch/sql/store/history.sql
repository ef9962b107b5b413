-- What happened to this finding, in the order it happened?
-- @finding_id string: the whole id.
select
    observed_at,
    recorded_at,
    change,
    source_kind,
    source_key,
    severity,
    title,
    actor,
    reason,
    run_id
from `${dataset}.sightings`
where finding_id = @finding_id
order by observed_at, recorded_at, event_key
