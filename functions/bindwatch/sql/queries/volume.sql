-- Which methods send most entries, and how many of them does a rule make something of?
-- @since timestamp = -1d: entries before it are not read (prunes partitions).
with entries as (
    select
        service,
        method,
        log,
        findings,
        failed
    from `${dataset}.activity`
    where occurred_at >= @since
    qualify row_number() over (partition by event_key order by received_at) = 1
)

select
    service,
    method,
    log,
    count(*) as entries,
    countif(failed) as failed,
    sum(findings) as findings
from entries
group by service, method, log
order by entries desc, service, method, log
