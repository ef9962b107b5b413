-- Which rules speak most, and how much of it is muted, closed or comes back?
-- @since timestamp = -30d: only findings seen from then on.
with muted as (
    select distinct finding_id
    from `${dataset}.muted_findings`
    where expires_at >= @since
)

select
    findings.rule_id,
    count(*) as findings,
    countif(findings.state = 'OPEN') as open,
    countif(findings.state = 'RESOLVED') as resolved,
    countif(findings.state = 'CLOSED') as closed,
    countif(muted.finding_id is not null) as muted,
    sum(findings.reopened) as reopened,
    sum(findings.`count`) as sightings
from `${dataset}.findings` as findings
left join muted on findings.finding_id = muted.finding_id
where findings.last_seen >= @since
group by findings.rule_id
order by findings desc, findings.rule_id
