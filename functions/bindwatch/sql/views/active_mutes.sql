-- Which mutes stand, not counting whether they have run out?
select
    mute_id,
    recorded_at as muted_at,
    expires_at,
    owner,
    reason,
    origin,
    finding_id,
    rule_id,
    category,
    project,
    resource_name,
    principal,
    subject
from (
    select
        mute_id,
        action,
        recorded_at,
        expires_at,
        owner,
        reason,
        origin,
        finding_id,
        rule_id,
        category,
        project,
        resource_name,
        principal,
        subject
    from `${dataset}.mutes`
    qualify row_number() over (partition by mute_id order by recorded_at desc, action desc) = 1
) as latest_actions
where action = 'MUTED'
