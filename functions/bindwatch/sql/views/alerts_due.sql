-- Which changes were subscribers not told of yet, and from when on may they be?
-- An alert is due when the state of a finding is not what was last told: a finding that opens and ends between two
-- looks never rings. `due_at` puts it off: while a mute stands, for ten minutes where a binding may still be
-- propagating, and until a finding that changed four times within an hour has been quiet for an hour.
-- What the first audit of a scope found is told in one summary alert.
with told as (
    select
        finding_id,
        state,
        severity_level,
        phase,
        recorded_at
    from `${dataset}.alert_events`
    where kind = 'finding'
),

last_sent as (
    select
        finding_id,
        state as told_state,
        severity_level as told_severity_level
    from told
    where phase = 'SENT'
    qualify row_number() over (partition by finding_id order by recorded_at desc, severity_level desc) = 1
),

last_tried as (
    select
        finding_id,
        state as tried_state
    from told
    qualify row_number() over (partition by finding_id order by recorded_at desc, severity_level desc) = 1
),

times_sent as (
    select
        finding_id,
        count(distinct alert_id) as alerts
    from `${dataset}.alert_events`
    where
        kind = 'finding'
        and phase = 'SENT'
    group by finding_id
),

changes as (
    select
        finding_id,
        opened_at as changed_at
    from `${dataset}.episodes`
    union all
    select
        finding_id,
        ended_at as changed_at
    from `${dataset}.episodes`
    where ended_at is not null
),

restless as (
    select
        findings.finding_id,
        count(*) as changes_in_hour
    from `${dataset}.findings` as findings
    inner join changes on findings.finding_id = changes.finding_id
    where unix_seconds(findings.state_since) - unix_seconds(changes.changed_at) < 3600
    group by findings.finding_id
),

muted as (
    select
        finding_id,
        max(expires_at) as muted_until
    from `${dataset}.muted_findings`
    group by finding_id
),

standing as (
    select
        findings.finding_id,
        findings.state,
        findings.severity_level,
        findings.category,
        findings.state_since,
        findings.baseline,
        findings.reopened,
        last_sent.told_state,
        last_sent.told_severity_level,
        last_tried.tried_state,
        coalesce(times_sent.alerts, 0) as alerts,
        coalesce(restless.changes_in_hour, 0) as changes_in_hour,
        coalesce(muted.muted_until, findings.state_since) as muted_until
    from `${dataset}.findings` as findings
    left join last_sent on findings.finding_id = last_sent.finding_id
    left join last_tried on findings.finding_id = last_tried.finding_id
    left join times_sent on findings.finding_id = times_sent.finding_id
    left join restless on findings.finding_id = restless.finding_id
    left join muted on findings.finding_id = muted.finding_id
),

untold as (
    select
        finding_id,
        state,
        severity_level,
        alerts,
        greatest(
            state_since,
            muted_until,
            case
                when state = 'OPEN' and category = 'broken-binding'
                    then timestamp_add(state_since, interval 10 minute)
                else state_since
            end,
            case when changes_in_hour >= 4 then timestamp_add(state_since, interval 60 minute) else state_since end
        ) as due_at,
        case
            when state != 'OPEN' then lower(state)
            when told_state = 'OPEN' then 'escalated'
            when reopened > 0 then 'reopened'
            else 'opened'
        end as reason
    from standing
    where
        (
            state = 'OPEN'
            and (
                (told_state is null and not baseline)
                or told_state != 'OPEN'
                or severity_level > told_severity_level
            )
        )
        or (state != 'OPEN' and tried_state = 'OPEN')
),

told_scopes as (
    select distinct scope
    from `${dataset}.alert_events`
    where
        kind = 'baseline'
        and phase = 'SENT'
),

baseline_runs as (
    select
        runs.scope,
        min(runs.recorded_at) as finished_at
    from `${dataset}.runs` as runs
    left join told_scopes on runs.scope = told_scopes.scope
    where
        runs.entry = 'finished'
        and runs.baseline
        and told_scopes.scope is null
    group by runs.scope
),

baseline_findings as (
    select distinct
        runs.scope,
        sightings.finding_id,
        sightings.severity_level
    from `${dataset}.sightings` as sightings
    inner join `${dataset}.runs` as runs on sightings.run_id = runs.run_id
    where
        sightings.baseline
        and sightings.change = 'OPEN'
        and runs.entry = 'started'
),

baseline_counts as (
    select
        scope,
        countif(severity_level = 4) as critical,
        countif(severity_level = 3) as high,
        countif(severity_level = 2) as medium,
        countif(severity_level = 1) as low,
        countif(severity_level = 0) as info,
        max(severity_level) as severity_level
    from baseline_findings
    group by scope
)

select
    concat(finding_id, '-', lower(state), '-', cast(alerts + 1 as string)) as alert_id,
    'finding' as kind,
    finding_id,
    '' as scope,
    state,
    severity_level,
    reason,
    due_at,
    0 as critical,
    0 as high,
    0 as medium,
    0 as low,
    0 as info
from untold
union all
select
    concat('baseline-', baseline_runs.scope) as alert_id,
    'baseline' as kind,
    '' as finding_id,
    baseline_runs.scope,
    'OPEN' as state,
    coalesce(baseline_counts.severity_level, 0) as severity_level,
    'baseline' as reason,
    baseline_runs.finished_at as due_at,
    coalesce(baseline_counts.critical, 0) as critical,
    coalesce(baseline_counts.high, 0) as high,
    coalesce(baseline_counts.medium, 0) as medium,
    coalesce(baseline_counts.low, 0) as low,
    coalesce(baseline_counts.info, 0) as info
from baseline_runs
left join baseline_counts on baseline_runs.scope = baseline_counts.scope
