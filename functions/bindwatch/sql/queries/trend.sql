-- How many findings opened and ended, week by week?
-- @since timestamp = -90d: from when on.
with changes as (
    select
        date_trunc(date(opened_at), week (monday)) as week,
        severity_level,
        1 as opened,
        0 as ended
    from `${dataset}.episodes`
    where opened_at >= @since
    union all
    select
        date_trunc(date(ended_at), week (monday)) as week,
        severity_level,
        0 as opened,
        1 as ended
    from `${dataset}.episodes`
    where ended_at >= @since
)

select
    week,
    sum(opened) as opened,
    sum(ended) as ended,
    sum(opened) - sum(ended) as net,
    sum(case when severity_level >= 3 then opened else 0 end) as opened_high,
    sum(case when severity_level >= 3 then ended else 0 end) as ended_high
from changes
group by week
order by week
