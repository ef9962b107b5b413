-- Which bindings are broken or were, since when, why, and does the workload get tokens by now?
-- Of the projects of one team alone. Written by scripts/sql_twins from ../views; not to be edited.
with habits_by_day as (
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
), sightings as (
with distinct_events as (
    select
        event_key,
        finding_id,
        change,
        observed_at,
        recorded_at,
        source_kind,
        source_key,
        run_id,
        baseline,
        rule_id,
        severity,
        severity_level,
        confidence,
        category,
        title,
        explanation,
        resource_name,
        project,
        principal,
        subject,
        evidence,
        notes,
        cause,
        ruled_out,
        remediation,
        techniques,
        score,
        actor,
        reason
    from `${dataset}.finding_events`
    qualify row_number() over (partition by event_key order by recorded_at, run_id, severity_level desc) = 1
)

select
    event_key,
    finding_id,
    change,
    coalesce(
        sum(case when change = 'OPEN' then 0 else 1 end) over (
            partition by finding_id
            order by observed_at, case when change = 'OPEN' then 1 else 0 end, event_key
            rows between unbounded preceding and 1 preceding
        ),
        0
    ) as episode,
    observed_at,
    recorded_at,
    source_kind,
    source_key,
    run_id,
    baseline,
    rule_id,
    severity,
    severity_level,
    confidence,
    category,
    title,
    explanation,
    resource_name,
    project,
    principal,
    subject,
    evidence,
    notes,
    cause,
    ruled_out,
    remediation,
    techniques,
    score,
    actor,
    reason
from distinct_events
), episodes as (
with openings as (
    select
        finding_id,
        episode,
        min(observed_at) as opened_at,
        max(observed_at) as last_seen,
        max(severity_level) as severity_level,
        logical_or(baseline) as baseline,
        logical_or(source_kind = 'asset') as seen_by_audit
    from sightings
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
    from sightings
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
), findings as (
with latest_sighting as (
    select
        finding_id,
        rule_id,
        confidence,
        category,
        title,
        explanation,
        resource_name,
        project,
        principal,
        subject,
        evidence,
        notes,
        cause,
        ruled_out,
        remediation,
        techniques,
        score
    from sightings
    where change = 'OPEN'
    qualify row_number() over (partition by finding_id order by observed_at desc, event_key desc) = 1
),

latest_change as (
    select
        finding_id,
        change as state,
        observed_at as state_since,
        actor,
        reason,
        event_key
    from sightings
    qualify row_number() over (
        partition by finding_id
        order by observed_at desc, case when change = 'OPEN' then 0 else 1 end, event_key desc
    ) = 1
),

totals as (
    select
        finding_id,
        min(observed_at) as first_seen,
        max(observed_at) as last_seen,
        count(distinct source_key) as sources
    from sightings
    where change = 'OPEN'
    group by finding_id
)

select
    latest_sighting.finding_id,
    latest_sighting.rule_id,
    case current_opening.severity_level
        when 4 then 'CRITICAL' when 3 then 'HIGH' when 2 then 'MEDIUM' when 1 then 'LOW' else 'INFO'
    end as severity,
    current_opening.severity_level,
    latest_sighting.confidence,
    latest_sighting.category,
    latest_change.state,
    latest_sighting.title,
    latest_sighting.explanation,
    latest_sighting.resource_name,
    latest_sighting.project,
    latest_sighting.principal,
    latest_sighting.subject,
    latest_sighting.evidence,
    latest_sighting.notes,
    latest_sighting.cause,
    latest_sighting.ruled_out,
    latest_sighting.remediation,
    latest_sighting.techniques,
    latest_sighting.score,
    totals.first_seen,
    totals.last_seen,
    totals.sources as `count`,
    current_opening.opened_at,
    current_opening.opening - 1 as reopened,
    current_opening.baseline,
    current_opening.seen_by_audit,
    case
        when latest_change.state = 'OPEN' then current_opening.opened_at
        when latest_change.state = current_opening.ended_as then current_opening.ended_at
        else latest_change.state_since
    end as state_since,
    case
        when latest_change.state = 'OPEN' then ''
        when latest_change.state = current_opening.ended_as then current_opening.ended_by
        else latest_change.actor
    end as state_by,
    case
        when latest_change.state = 'OPEN' then ''
        when latest_change.state = current_opening.ended_as then current_opening.end_reason
        else latest_change.reason
    end as state_reason,
    latest_change.event_key as state_event_key
from latest_sighting
inner join latest_change on latest_sighting.finding_id = latest_change.finding_id
inner join totals on latest_sighting.finding_id = totals.finding_id
inner join episodes as current_opening
    on
        latest_sighting.finding_id = current_opening.finding_id
        and current_opening.opening_from_last = 1
), binding_health as (
with minted as (
    select
        target,
        max(last_at) as last_minted_at
    from habits_by_day
    where
        service = 'iamcredentials.googleapis.com'
        and calls > failures
    group by target
)

select
    findings.finding_id,
    findings.rule_id,
    findings.state,
    findings.severity,
    findings.severity_level,
    findings.project,
    findings.subject,
    findings.resource_name,
    findings.cause,
    findings.title,
    findings.opened_at,
    findings.last_seen,
    findings.state_since,
    findings.reopened,
    minted.last_minted_at,
    coalesce(minted.last_minted_at > findings.last_seen, false) as works_since
from findings as findings
left join minted
    on
        minted.target != ''
        and findings.resource_name = concat(
            '//iam.googleapis.com/projects/', findings.project, '/serviceAccounts/', minted.target
        )
where findings.category = 'broken-binding'
), teams as (
select
    project,
    team,
    seen_at
from `${dataset}.project_teams`
qualify row_number() over (partition by project order by seen_at desc, team) = 1
)

select team_view.*
from binding_health as team_view
inner join teams on team_view.project = teams.project
where teams.team = '${team}'
