-- Who looked through identities and permissions within an hour?
-- Counted are different questions: which accounts, which keys, which policies of accounts, which permissions.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
select
    event_key,
    received_at,
    occurred_at,
    caller,
    caller_name,
    caller_ip,
    user_agent,
    project,
    resource,
    target,
    failed,
    log_name,
    insert_id,
    timestamp,
    concat(method, ' ', resource) as item,
    concat(method, ' ', resource) as shown,
    8 as least,
    0 as least_shown
from `${dataset}.activity`
where
    occurred_at >= @since
    and occurred_at < @until
    and regexp_contains(
        method, r'\.(ListServiceAccounts|ListServiceAccountKeys|GetIAMPolicy|ListRoles)$|TestIamPermissions$'
    )
