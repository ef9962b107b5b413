-- Who gets or forges credentials of which service account, how, and how often?
-- One row per day, caller, service account and method. `how` says what the caller proved itself with.
select
    day,
    target as service_account,
    caller,
    max(caller_name) as caller_name,
    max(caller_kind) as caller_kind,
    via,
    method,
    case
        when from_metadata_server then 'gke-metadata-server'
        when key_name != '' then 'key'
        when via != '' then 'impersonation'
        when caller_kind in ('workload', 'federated') then 'federation'
        else 'own credentials'
    end as how,
    max(project) as project,
    sum(calls) as calls,
    sum(calls) - sum(failures) as minted,
    sum(denials) as denials,
    min(first_at) as first_at,
    max(last_at) as last_at
from `${dataset}.habits_by_day`
where
    service = 'iamcredentials.googleapis.com'
    and target != ''
group by day, target, caller, via, method, how
