-- What is open now, worst first?
-- @project string = : only this project; empty for all.
-- @category string = : only this category; empty for all.
-- @least_level integer = 0: 4 for CRITICAL only, down to 0 for all.
select
    severity,
    rule_id,
    title,
    project,
    principal,
    opened_at,
    last_seen,
    `count`,
    finding_id
from `${dataset}.findings`
where
    state = 'OPEN'
    and severity_level >= @least_level
    and @project in ('', project)
    and @category in ('', category)
order by severity_level desc, opened_at, finding_id
