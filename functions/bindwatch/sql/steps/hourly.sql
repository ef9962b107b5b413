-- Who did enough within an hour of what a window counts?
-- `counted` is what the windows below windows/hourly find, each row with the rule that counts it: `item` is what counts
-- (none where an entry only tells how the hour went), `shown` what is told of it. A story takes `least` different items
-- and `least_shown` different things shown; the entry that brings the last item needed tells it, once an hour and
-- caller. Hours overlap by half, so that what lasts less than half an hour is never cut in two. Each step is named once
-- by the next: BigQuery runs a step for every time it is named.
-- @since timestamp = -2h: hours that begin before it are not judged.
with placed as (
    select
        counted.rule_id,
        counted.event_key,
        counted.occurred_at,
        counted.caller,
        counted.caller_name,
        counted.caller_ip,
        counted.user_agent,
        counted.project,
        counted.resource,
        counted.target,
        counted.failed,
        counted.log_name,
        counted.insert_id,
        counted.timestamp,
        counted.item,
        counted.shown,
        counted.least,
        counted.least_shown,
        shift,
        div((unix_seconds(counted.occurred_at) + shift), 3600) as hour
    from counted
    cross join unnest([0, 1800]) as shift
    where div((unix_seconds(counted.occurred_at) + shift), 3600) * 3600 - shift >= unix_seconds(@since)
    qualify row_number() over (partition by counted.rule_id, counted.event_key, shift order by counted.received_at) = 1
),

marked as (
    select
        rule_id,
        event_key,
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
        item,
        shown,
        least,
        least_shown,
        shift,
        hour,
        item is not null
        and row_number() over (
            partition by rule_id, caller, shift, hour, item order by occurred_at, event_key
        ) = 1 as is_new
    from placed
),

numbered as (
    select
        rule_id,
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
        item,
        shown,
        least_shown,
        shift,
        hour,
        is_new
        and countif(is_new) over (
            partition by rule_id, caller, shift, hour
            order by occurred_at, event_key
            rows between unbounded preceding and current row
        ) = least as tells
    from marked
),

hours as (
    select
        rule_id,
        caller,
        shift,
        max(case when tells then caller_name end) as caller_name,
        max(case when tells then caller_ip end) as caller_ip,
        max(case when tells then user_agent end) as user_agent,
        max(case when tells then project end) as project,
        max(case when tells then resource end) as resource,
        max(case when tells then target end) as target,
        count(item) as calls,
        countif(not failed) as succeeded,
        string_agg(distinct shown, ',' order by shown) as items,
        max(case when tells then occurred_at end) as told_at,
        max(case when tells then log_name end) as log_name,
        max(case when tells then insert_id end) as insert_id,
        max(case when tells then timestamp end) as timestamp
    from numbered
    group by rule_id, caller, shift, hour
    having
        countif(tells) = 1
        and count(distinct shown) >= max(least_shown)
)

select
    rule_id,
    caller,
    caller_name,
    caller_ip,
    user_agent,
    project,
    resource,
    target,
    calls,
    succeeded,
    items,
    '' as known_since,
    '' as subject,
    told_at as occurred_at,
    log_name,
    insert_id,
    timestamp
from hours
qualify
    row_number() over (
        partition by rule_id, caller, div(unix_seconds(told_at), 3600) order by calls desc, told_at, shift
    ) = 1
