-- How does each project stand: what is open, how bad, and for how long?
select
    project,
    countif(severity_level = 4) as critical,
    countif(severity_level = 3) as high,
    countif(severity_level = 2) as medium,
    countif(severity_level <= 1) as low,
    countif(category = 'broken-binding') as broken,
    count(distinct rule_id) as rules,
    min(opened_at) as oldest_open_at
from `${dataset}.findings`
where state = 'OPEN'
group by project
order by critical desc, high desc, medium desc, low desc, project
