-- Which principals carry the most open risk, and do they still act?
-- @least_risk integer = 1: leave out what is below.
select
    principal,
    risk,
    findings,
    critical,
    high,
    highest_score,
    projects,
    oldest_open_at,
    calls,
    last_acted_at
from `${dataset}.principal_risk`
where risk >= @least_risk
order by risk desc, principal
