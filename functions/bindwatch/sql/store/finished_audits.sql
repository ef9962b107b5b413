-- How often was this scope audited to the end?
-- @scope string: full resource name.
select count(distinct run_id) as audits
from `${dataset}.runs`
where
    kind = 'audit'
    and entry = 'finished'
    and scope = @scope
