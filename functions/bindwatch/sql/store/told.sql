-- Which alerts went out about this finding?
-- @finding_id string: the whole id.
select
    recorded_at,
    alert_id,
    state,
    phase,
    message_id
from `${dataset}.alert_events`
where finding_id = @finding_id
order by recorded_at, alert_id, phase
