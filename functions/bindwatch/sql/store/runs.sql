-- Which runs were there, newest first?
-- @since timestamp = -30d: from when on.
select
    run_id,
    kind,
    scope,
    min(as_of) as as_of,
    min(case when entry = 'started' then recorded_at end) as started_at,
    max(case when entry = 'finished' then recorded_at end) as finished_at,
    logical_or(baseline) as baseline,
    max(subjects) as subjects,
    countif(entry = 'coverage') as unseen_parts,
    count(distinct case when entry = 'not-checked' then rule_id end) as rules_not_checked,
    countif(entry = 'rule-failure') as rule_failures
from `${dataset}.runs`
where
    recorded_at >= @since
    and run_id != ''
    and kind != 'canary'
group by run_id, kind, scope
order by started_at desc, run_id
