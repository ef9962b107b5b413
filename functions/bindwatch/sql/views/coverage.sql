-- What did the last audit of each scope (or the last scan of files into the store) not look at, and why?
-- One row per scope and gap; a scope without gaps has one row whose `gap` is empty. An audit that started and never
-- finished is a gap of its own.
with audits as (
    select
        run_id,
        scope,
        min(as_of) as as_of,
        max(case when entry = 'finished' then recorded_at end) as finished_at,
        min(case when entry = 'started' then recorded_at end) as started_at,
        max(subjects) as subjects
    from `${dataset}.runs`
    where kind in ('audit', 'scan')
    group by run_id, scope
),

last_finished as (
    select
        scope,
        run_id,
        as_of,
        finished_at,
        subjects
    from audits
    where finished_at is not null
    qualify row_number() over (partition by scope order by as_of desc, run_id) = 1
),

gaps as (
    select distinct
        run_id,
        scope,
        entry as gap,
        coalesce(part, '') as part,
        coalesce(place, '') as place,
        coalesce(sight, '') as sight,
        coalesce(rule_id, '') as rule_id,
        coalesce(reason, '') as reason
    from `${dataset}.runs`
    where entry in ('coverage', 'not-checked', 'rule-failure')
)

select
    last_finished.scope,
    last_finished.run_id,
    last_finished.as_of,
    last_finished.finished_at,
    last_finished.subjects,
    coalesce(gaps.gap, '') as gap,
    coalesce(gaps.part, '') as part,
    coalesce(gaps.place, '') as place,
    coalesce(gaps.sight, '') as sight,
    coalesce(gaps.rule_id, '') as rule_id,
    coalesce(gaps.reason, '') as reason
from last_finished
left join gaps
    on
        last_finished.run_id = gaps.run_id
        and last_finished.scope = gaps.scope
union all
select
    audits.scope,
    audits.run_id,
    audits.as_of,
    audits.finished_at,
    audits.subjects,
    'never finished' as gap,
    '' as part,
    '' as place,
    '' as sight,
    '' as rule_id,
    'the audit started and did not finish' as reason
from audits
left join last_finished on audits.scope = last_finished.scope
where
    audits.finished_at is null
    and (last_finished.as_of is null or audits.as_of > last_finished.as_of)
