-- Which workloads cannot get their identity, since when and why?
-- @project string = : only this project; empty for all.
select
    severity,
    cause,
    subject,
    project,
    title,
    opened_at,
    last_seen,
    last_minted_at,
    works_since,
    finding_id
from `${dataset}.binding_health`
where
    state = 'OPEN'
    and @project in ('', project)
order by severity_level desc, opened_at, finding_id
