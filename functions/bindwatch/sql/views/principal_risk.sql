-- Which principals carry the most open risk, and do they use it?
-- `risk` adds 40, 15, 5, 1 and 0 for open findings from CRITICAL to INFO.
with open_findings as (
    select
        principal,
        count(*) as findings,
        countif(severity_level = 4) as critical,
        countif(severity_level = 3) as high,
        sum(
            case severity_level when 4 then 40 when 3 then 15 when 2 then 5 when 1 then 1 else 0 end
        ) as risk,
        max(coalesce(score, 0)) as highest_score,
        count(distinct project) as projects,
        min(opened_at) as oldest_open_at
    from `${dataset}.findings`
    where
        state = 'OPEN'
        and principal != ''
    group by principal
),

acts as (
    select
        caller_name,
        sum(calls) as calls,
        sum(denials) as denials,
        max(last_at) as last_acted_at
    from `${dataset}.habits_by_day`
    where caller_name != ''
    group by caller_name
)

select
    open_findings.principal,
    open_findings.risk,
    open_findings.findings,
    open_findings.critical,
    open_findings.high,
    open_findings.highest_score,
    open_findings.projects,
    open_findings.oldest_open_at,
    coalesce(acts.calls, 0) as calls,
    coalesce(acts.denials, 0) as denials,
    acts.last_acted_at
from open_findings
left join acts
    on
        acts.caller_name = case
            when strpos(open_findings.principal, ':') > 0 and strpos(open_findings.principal, '@') > 0
                then substr(open_findings.principal, strpos(open_findings.principal, ':') + 1)
            else open_findings.principal
        end
