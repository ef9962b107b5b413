-- Which service accounts did this principal get credentials of?
-- @principal string: an e-mail, or a principal:// subject.
-- @since timestamp = -30d: from which day on.
select
    service_account,
    how,
    method,
    sum(minted) as minted,
    sum(denials) as denials,
    min(first_at) as first_at,
    max(last_at) as last_at
from `${dataset}.token_use`
where
    day >= date(@since)
    and caller_name = @principal
group by service_account, how, method
order by minted desc, service_account, how, method
