-- Who is refused most, and what for?
-- @since timestamp = -7d: from which day on.
select
    caller,
    max(caller_name) as caller_name,
    service,
    method,
    max(project) as project,
    sum(denials) as denials,
    sum(calls) as calls,
    min(first_at) as first_at,
    max(last_at) as last_at
from `${dataset}.habits_by_day`
where
    day >= date(@since)
    and denials > 0
group by caller, service, method
order by denials desc, caller, service, method
