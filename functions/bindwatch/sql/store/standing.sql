-- How do the findings stand that an audit may confirm or resolve?
-- @rule_ids: the rules it judged. @projects: the projects it looked at, with '' for what lies in none.
-- @everywhere: whether it looked at all projects. @finding_ids: what it saw, wherever that was first seen.
select
    finding_id,
    rule_id,
    category,
    state,
    project,
    resource_name,
    severity_level,
    reopened,
    seen_by_audit,
    last_seen,
    state_since,
    state_event_key
from `${dataset}.findings`
where
    finding_id in unnest(@finding_ids)
    or (
        rule_id in unnest(@rule_ids)
        and (@everywhere or project in unnest(@projects))
    )
