-- Which workloads and people got the most credentials of service accounts, and how?
-- @since timestamp = -30d: from which day on.
-- @at_most integer = 25: how many rows at most.
select
    caller_name,
    max(caller_kind) as caller_kind,
    how,
    sum(minted) as minted,
    sum(denials) as denials,
    count(distinct service_account) as service_accounts,
    max(last_at) as last_at
from `${dataset}.token_use`
where day >= date(@since)
group by caller_name, how
order by minted desc, denials desc, caller_name, how
limit @at_most
