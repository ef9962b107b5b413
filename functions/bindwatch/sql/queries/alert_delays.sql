-- How long does it take from what happened to the alert?
-- @since timestamp = -7d: only alerts from then on.
with sent as (
    select
        finding_id,
        alert_id,
        min(recorded_at) as sent_at
    from `${dataset}.alert_events`
    where
        recorded_at >= @since
        and phase = 'SENT'
        and state = 'OPEN'
        and kind = 'finding'
    group by finding_id, alert_id
),

delays as (
    select
        findings.rule_id,
        findings.category,
        unix_seconds(sent.sent_at) - unix_seconds(findings.opened_at) as seconds
    from sent
    inner join `${dataset}.findings` as findings on sent.finding_id = findings.finding_id
    where sent.sent_at >= findings.opened_at
)

select
    category,
    rule_id,
    count(*) as alerts,
    min(seconds) as seconds_at_least,
    cast(round(avg(seconds)) as int64) as seconds_on_average,
    max(seconds) as seconds_at_most
from delays
group by category, rule_id
order by seconds_on_average desc, rule_id
