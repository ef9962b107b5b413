-- Who called far more often today than on any usual day?
-- Far more: 500 calls or more, twice the average and more than three standard deviations above it, over at least 14
-- earlier days of the last 30. Days come from the daily roll-up, which is made anew every hour.
-- @since timestamp = -2h: entries before it are not read (prunes partitions).
-- @until timestamp = now: entries from it on are not read.
with rolled as (
    select
        day,
        max(rolled_at) as rolled_at
    from `${dataset}.habits`
    where
        day >= date_sub(date(@until), interval 30 day)
        and day <= date(@until)
    group by day
),

days as (
    select
        habits.caller,
        habits.day,
        sum(habits.calls) as calls
    from `${dataset}.habits` as habits
    inner join rolled
        on
            habits.day = rolled.day
            and habits.rolled_at = rolled.rolled_at
    where
        habits.day >= date_sub(date(@until), interval 30 day)
        and habits.day <= date(@until)
        and habits.caller_kind != 'redacted'
    group by habits.caller, habits.day
),

usual as (
    select
        caller,
        count(*) as days,
        avg(calls) as average,
        stddev_pop(calls) as deviation,
        min(day) as known_since
    from days
    where day < date(@until)
    group by caller
),

today as (
    select
        days.caller,
        days.calls,
        usual.average,
        usual.known_since
    from days
    inner join usual on days.caller = usual.caller
    where
        days.day = date(@until)
        and usual.days >= 14
        and days.calls >= 500
        and days.calls >= 2 * usual.average
        and days.calls > usual.average + 3 * usual.deviation
),

acts as (
    select
        occurred_at,
        caller,
        caller_name,
        caller_ip,
        user_agent,
        project,
        resource,
        target,
        log_name,
        insert_id,
        timestamp
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
    qualify row_number() over (partition by caller order by occurred_at, event_key) = 1
)

select
    acts.caller,
    acts.caller_name,
    acts.caller_ip,
    acts.user_agent,
    acts.project,
    acts.resource,
    acts.target,
    today.calls,
    today.calls as succeeded,
    cast(cast(round(today.average) as int64) as string) as items,
    cast(today.known_since as string) as known_since,
    '' as subject,
    acts.occurred_at,
    acts.log_name,
    acts.insert_id,
    acts.timestamp
from today
inner join acts on today.caller = acts.caller
