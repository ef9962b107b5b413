-- Which bindings are broken or were, since when, why, and does the workload get tokens by now?
-- `last_minted_at` is the last time the identity minted a token of the service account that the finding is about.
with minted as (
    select
        target,
        max(last_at) as last_minted_at
    from `${dataset}.habits_by_day`
    where
        service = 'iamcredentials.googleapis.com'
        and calls > failures
    group by target
)

select
    findings.finding_id,
    findings.rule_id,
    findings.state,
    findings.severity,
    findings.severity_level,
    findings.project,
    findings.subject,
    findings.resource_name,
    findings.cause,
    findings.title,
    findings.opened_at,
    findings.last_seen,
    findings.state_since,
    findings.reopened,
    minted.last_minted_at,
    coalesce(minted.last_minted_at > findings.last_seen, false) as works_since
from `${dataset}.findings` as findings
left join minted
    on
        minted.target != ''
        and findings.resource_name = concat(
            '//iam.googleapis.com/projects/', findings.project, '/serviceAccounts/', minted.target
        )
where findings.category = 'broken-binding'
