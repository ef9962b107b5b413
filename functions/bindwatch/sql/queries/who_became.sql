-- Who got credentials of this service account, how, and from when to when?
-- @service_account string: its e-mail.
-- @since timestamp = -30d: from which day on.
select
    caller_name,
    caller_kind,
    how,
    method,
    via,
    sum(minted) as minted,
    sum(denials) as denials,
    min(first_at) as first_at,
    max(last_at) as last_at
from `${dataset}.token_use`
where
    day >= date(@since)
    and service_account = @service_account
group by caller_name, caller_kind, how, method, via
order by minted desc, denials desc, caller_name, method, via
