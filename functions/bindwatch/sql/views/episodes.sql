-- When did each finding open, and when and how did that opening end?
-- One row per opening. A resolution of something never seen open is no news and is not here.
with openings as (
    select
        finding_id,
        episode,
        min(observed_at) as opened_at,
        max(observed_at) as last_seen,
        max(severity_level) as severity_level,
        logical_or(baseline) as baseline,
        logical_or(source_kind = 'asset') as seen_by_audit
    from `${dataset}.sightings`
    where change = 'OPEN'
    group by finding_id, episode
),

endings as (
    select
        finding_id,
        episode,
        change as ended_as,
        observed_at as ended_at,
        actor as ended_by,
        reason as end_reason
    from `${dataset}.sightings`
    where change != 'OPEN'
)

select
    openings.finding_id,
    openings.episode,
    openings.opened_at,
    openings.last_seen,
    endings.ended_at,
    endings.ended_as,
    endings.ended_by,
    endings.end_reason,
    openings.severity_level,
    openings.baseline,
    openings.seen_by_audit,
    row_number() over (partition by openings.finding_id order by openings.episode) as opening,
    row_number() over (partition by openings.finding_id order by openings.episode desc) as opening_from_last
from openings
left join endings
    on
        openings.finding_id = endings.finding_id
        and openings.episode = endings.episode
