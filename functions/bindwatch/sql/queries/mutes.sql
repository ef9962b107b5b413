-- Which mutes stand, who answers for them, what do they cover, and when do they end?
-- @now timestamp = now: mutes that have run out by then are left out.
with covered as (
    select
        mute_id,
        count(*) as findings
    from `${dataset}.muted_findings`
    group by mute_id
)

select
    mutes.mute_id,
    mutes.expires_at,
    mutes.owner,
    mutes.reason,
    mutes.origin,
    coalesce(covered.findings, 0) as findings,
    mutes.finding_id,
    mutes.rule_id,
    mutes.category,
    mutes.project,
    mutes.resource_name,
    mutes.principal,
    mutes.subject,
    mutes.muted_at
from `${dataset}.active_mutes` as mutes
left join covered on mutes.mute_id = covered.mute_id
where mutes.expires_at > @now
order by mutes.expires_at, mutes.mute_id
