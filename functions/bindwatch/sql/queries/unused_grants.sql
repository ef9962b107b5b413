-- Which grants could go, since nobody was seen to use them?
-- @project string = : only this project; empty for all.
-- @logged_before timestamp = -30d: only where entries are known from before then.
select
    project,
    resource,
    role,
    member,
    condition,
    seen_at,
    logged_since
from `${dataset}.unused_grants`
where
    logged_since < @logged_before
    and @project in ('', project)
order by project, resource, role, member
