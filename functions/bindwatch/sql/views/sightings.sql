-- What was seen of each finding, each source once, and in which of its openings?
-- An episode is one opening of a finding with what ends it. At the same moment an ending comes before a sighting, so
-- that what is both taken away and given again counts as open. The order is that of events, never that of arrival.
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
