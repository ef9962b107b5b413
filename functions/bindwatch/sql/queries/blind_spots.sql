-- What can we not see: parts no audit could read, rules that could not look or failed?
-- @scope string = : only this scope; empty for all.
select
    scope,
    gap,
    part,
    place,
    rule_id,
    reason,
    as_of
from `${dataset}.coverage`
where
    gap != ''
    and @scope in ('', scope)
order by scope, gap, part, place, rule_id
