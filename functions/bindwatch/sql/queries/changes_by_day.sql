-- How many findings of each severity opened and ended, day by day?
-- Added up from the first day on, `opened` less `ended` is what was open at the end of each day.
-- @since timestamp = 1970-01-01: from which day on.
with changes as (
    select
        date(opened_at) as day,
        severity_level,
        1 as opened,
        0 as ended
    from `${dataset}.episodes`
    where date(opened_at) >= date(@since)
    union all
    select
        date(ended_at) as day,
        severity_level,
        0 as opened,
        1 as ended
    from `${dataset}.episodes`
    where date(ended_at) >= date(@since)
)

select
    day,
    severity_level,
    sum(opened) as opened,
    sum(ended) as ended
from changes
group by day, severity_level
order by day, severity_level
