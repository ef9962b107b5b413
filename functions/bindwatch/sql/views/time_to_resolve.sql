-- How long did each opening of a finding last?
-- One row per opening; `seconds` is null while it is open.
select
    episodes.finding_id,
    findings.rule_id,
    findings.category,
    findings.project,
    case episodes.severity_level
        when 4 then 'CRITICAL' when 3 then 'HIGH' when 2 then 'MEDIUM' when 1 then 'LOW' else 'INFO'
    end as severity,
    episodes.severity_level,
    episodes.opening,
    episodes.opened_at,
    episodes.ended_at,
    episodes.ended_as,
    episodes.ended_by,
    unix_seconds(episodes.ended_at) - unix_seconds(episodes.opened_at) as seconds
from `${dataset}.episodes` as episodes
inner join `${dataset}.findings` as findings on episodes.finding_id = findings.finding_id
