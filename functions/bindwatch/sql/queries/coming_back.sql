-- Which findings keep coming back?
-- @least_reopened integer = 1: how often at least.
select
    reopened,
    severity,
    rule_id,
    title,
    project,
    state,
    first_seen,
    last_seen,
    finding_id
from `${dataset}.findings`
where reopened >= @least_reopened
order by reopened desc, severity_level desc, finding_id
