-- Which findings does a mute cover, until when, and who answers for it?
-- A selector that is empty matches all; one that ends in * matches what begins so; any other must be equal.
select
    findings.finding_id,
    mutes.mute_id,
    mutes.muted_at,
    mutes.expires_at,
    mutes.owner,
    mutes.reason
from `${dataset}.findings` as findings
cross join `${dataset}.active_mutes` as mutes
where
    mutes.finding_id in ('', findings.finding_id)
    and mutes.category in ('', findings.category)
    and (
        mutes.rule_id in ('', findings.rule_id)
        or (
            ends_with(mutes.rule_id, '*')
            and starts_with(findings.rule_id, substr(mutes.rule_id, 1, length(mutes.rule_id) - 1))
        )
    )
    and (
        mutes.project in ('', findings.project)
        or (
            ends_with(mutes.project, '*')
            and starts_with(findings.project, substr(mutes.project, 1, length(mutes.project) - 1))
        )
    )
    and (
        mutes.resource_name in ('', findings.resource_name)
        or (
            ends_with(mutes.resource_name, '*')
            and starts_with(findings.resource_name, substr(mutes.resource_name, 1, length(mutes.resource_name) - 1))
        )
    )
    and (
        mutes.principal in ('', findings.principal)
        or (
            ends_with(mutes.principal, '*')
            and starts_with(findings.principal, substr(mutes.principal, 1, length(mutes.principal) - 1))
        )
    )
    and (
        mutes.subject in ('', findings.subject)
        or (
            ends_with(mutes.subject, '*')
            and starts_with(findings.subject, substr(mutes.subject, 1, length(mutes.subject) - 1))
        )
    )
