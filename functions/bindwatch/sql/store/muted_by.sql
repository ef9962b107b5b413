-- Which mutes cover this finding?
-- @finding_id string: the whole id.
-- @now timestamp = now: mutes that have run out by then are left out.
select
    mute_id,
    muted_at,
    expires_at,
    owner,
    reason
from `${dataset}.muted_findings`
where
    finding_id = @finding_id
    and expires_at > @now
order by expires_at, mute_id
