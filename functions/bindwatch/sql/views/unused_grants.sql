-- Which grants has nobody been seen to use?
-- A grant on a service account counts as used when its holder acted on that account; any other, when its holder did
-- anything in its project. `logged_since` is how far back the project's entries go: without it, nothing is known and
-- the grant is not called unused. Sets of principals (groups, domains, pools) act through their members: left out.
with acts as (
    select
        caller,
        project,
        target,
        max(last_at) as last_at
    from `${dataset}.habits_by_day`
    where calls > failures
    group by caller, project, target
),

in_project as (
    select
        caller,
        project,
        max(last_at) as last_at
    from acts
    group by caller, project
),

on_account as (
    select
        caller,
        target,
        max(last_at) as last_at
    from acts
    where target != ''
    group by caller, target
),

logged as (
    select
        project,
        min(first_at) as logged_since
    from `${dataset}.habits_by_day`
    group by project
),

grants as (
    select
        resource,
        project,
        seen_at,
        role,
        member,
        principal,
        condition,
        case
            when strpos(resource, '/serviceAccounts/') > 0
                then substr(resource, strpos(resource, '/serviceAccounts/') + 17)
            else ''
        end as account
    from `${dataset}.current_grants`
    where
        not starts_with(member, 'group:')
        and not starts_with(member, 'domain:')
        and not starts_with(member, 'principalSet:')
        and not starts_with(member, 'project')
        and not starts_with(member, 'deleted:')
        and member not in ('allUsers', 'allAuthenticatedUsers')
)

select
    grants.resource,
    grants.project,
    grants.role,
    grants.member,
    grants.condition,
    grants.seen_at,
    logged.logged_since
from grants
inner join logged on grants.project = logged.project
left join in_project
    on
        grants.principal = in_project.caller
        and grants.project = in_project.project
left join on_account
    on
        grants.principal = on_account.caller
        and grants.account = on_account.target
where
    case when grants.account = '' then in_project.last_at else on_account.last_at end is null
