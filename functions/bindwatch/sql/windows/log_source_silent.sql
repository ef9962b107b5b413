-- Which audit log fell silent though it had been busy, and which came back?
-- Busy: thirty entries since the beginning of the window. Silent: none for 45 minutes. `succeeded` is 1 where it came
-- back, and then the row is of the entry that broke the silence.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with entries as (
    select
        event_key,
        log,
        occurred_at,
        log_name,
        insert_id,
        timestamp,
        unix_seconds(occurred_at) as second
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and log != ''
    qualify row_number() over (partition by event_key order by received_at) = 1
),

sequence as (
    select
        log,
        occurred_at,
        log_name,
        insert_id,
        timestamp,
        second,
        row_number() over (partition by log order by occurred_at, event_key) as position,
        lag(second) over (partition by log order by occurred_at, event_key) as previous_second,
        lead(second) over (partition by log order by occurred_at, event_key) as next_second
    from entries
),

gaps as (
    select
        log,
        occurred_at,
        log_name,
        insert_id,
        timestamp,
        position as calls,
        0 as succeeded,
        div((unix_seconds(@until) - second), 60) as minutes
    from sequence
    where
        next_second is null
        and position >= 30
        and unix_seconds(@until) - second >= 2700
    union all
    select
        log,
        occurred_at,
        log_name,
        insert_id,
        timestamp,
        position - 1 as calls,
        1 as succeeded,
        div((second - previous_second), 60) as minutes
    from sequence
    where
        position > 30
        and second - previous_second >= 2700
)

select
    log as caller,
    '' as caller_name,
    '' as caller_ip,
    '' as user_agent,
    '' as project,
    '' as resource,
    '' as target,
    calls,
    succeeded,
    cast(minutes as string) as items,
    '' as known_since,
    '' as subject,
    occurred_at,
    log_name,
    insert_id,
    timestamp
from gaps
