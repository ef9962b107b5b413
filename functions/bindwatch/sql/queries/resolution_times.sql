-- How long do findings stand, by severity and rule?
-- `still_open` were not counted in the times.
-- @since timestamp = -90d: only what opened from then on.
select
    severity,
    rule_id,
    count(*) as openings,
    countif(ended_at is null) as still_open,
    cast(round(avg(seconds) / 3600) as int64) as hours_on_average,
    cast(round(max(seconds) / 3600) as int64) as hours_at_most
from `${dataset}.time_to_resolve`
where opened_at >= @since
group by severity, severity_level, rule_id
order by severity_level desc, openings desc, rule_id
