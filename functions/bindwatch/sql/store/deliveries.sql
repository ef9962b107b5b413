-- What was each destination told of these findings, and what did it refuse?
-- @finding_ids: the whole ids.
select
    finding_id,
    alert_id,
    destination,
    outcome,
    max(reference) as reference,
    min(recorded_at) as told_at
from `${dataset}.deliveries`
where finding_id in unnest(@finding_ids)
group by finding_id, alert_id, destination, outcome
order by told_at, alert_id, destination
