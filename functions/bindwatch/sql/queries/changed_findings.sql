-- What opened, came back or ended since then?
-- @since timestamp = -7d: from when on.
-- @until timestamp = now: until when.
select
    changes.changed_at,
    changes.what,
    findings.severity,
    findings.rule_id,
    findings.title,
    findings.project,
    findings.principal,
    changes.who,
    changes.why,
    findings.finding_id
from (
    select
        finding_id,
        opened_at as changed_at,
        case when opening = 1 then 'opened' else 'reopened' end as what,
        '' as who,
        '' as why
    from `${dataset}.episodes`
    union all
    select
        finding_id,
        ended_at as changed_at,
        lower(ended_as) as what,
        ended_by as who,
        end_reason as why
    from `${dataset}.episodes`
    where ended_at is not null
) as changes
inner join `${dataset}.findings` as findings on changes.finding_id = findings.finding_id
where
    changes.changed_at >= @since
    and changes.changed_at < @until
order by changes.changed_at desc, findings.finding_id, changes.what
