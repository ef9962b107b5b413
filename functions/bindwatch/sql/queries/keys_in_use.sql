-- Which downloaded keys of service accounts are used, and for how much?
-- @since timestamp = -90d: from which day on.
select
    key_name,
    max(caller_name) as service_account,
    count(distinct day) as days,
    sum(calls) as calls,
    count(distinct method) as methods,
    min(first_at) as first_at,
    max(last_at) as last_at
from `${dataset}.habits_by_day`
where
    day >= date(@since)
    and key_name != ''
group by key_name
order by calls desc, key_name
