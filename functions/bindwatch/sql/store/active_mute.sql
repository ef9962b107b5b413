-- What does this mute say?
-- @mute_id string: its id, or how it begins.
select
    mute_id,
    expires_at,
    owner,
    reason,
    origin,
    finding_id,
    rule_id,
    category,
    project,
    resource_name,
    principal,
    subject
from `${dataset}.active_mutes`
where starts_with(mute_id, @mute_id)
order by mute_id
