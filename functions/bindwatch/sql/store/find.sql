-- Which findings match, worst and newest first?
-- @state string = OPEN: only this state; empty for all.
-- @least_level integer = 0: 4 for CRITICAL only, down to 0 for all.
-- @rule_id string = : only this rule; empty for all.
-- @project string = : only this project; empty for all.
-- @category string = : only this category; empty for all.
-- @principal string = : only where the principal holds this text; empty for all.
-- @finding_id string = : only ids that begin so; empty for all.
-- @since timestamp = 1970-01-01: only what was last seen from then on.
select
    finding_id,
    rule_id,
    severity,
    confidence,
    category,
    state,
    title,
    explanation,
    resource_name,
    project,
    principal,
    subject,
    evidence,
    notes,
    cause,
    ruled_out,
    remediation,
    techniques,
    score,
    first_seen,
    last_seen,
    `count`,
    opened_at,
    state_since,
    state_by,
    state_reason,
    reopened
from `${dataset}.findings`
where
    @state in ('', state)
    and severity_level >= @least_level
    and @rule_id in ('', rule_id)
    and @project in ('', project)
    and @category in ('', category)
    and (@principal = '' or strpos(lower(principal), lower(@principal)) > 0)
    and starts_with(finding_id, @finding_id)
    and last_seen >= @since
order by severity_level desc, last_seen desc, finding_id
