-- Which canary entry did not come back within ten minutes, and which came back after one had been missed?
-- One that comes later than that was missed all the same. `succeeded` is 1 where the finding about it is over.
-- @since timestamp = -2h: canaries sent before it are not looked for (prunes partitions).
-- @until timestamp = now: those sent from it on are not either.
with sent as (
    select
        run_id,
        scope,
        min(recorded_at) as sent_at
    from `${dataset}.runs`
    where
        recorded_at >= @since
        and recorded_at < @until
        and kind = 'canary'
        and entry = 'sent'
    group by run_id, scope
),

returned as (
    select
        insert_id,
        min(received_at) as returned_at
    from `${dataset}.activity`
    where
        occurred_at >= @since
        and occurred_at < @until
        and method = 'bindwatch.canary'
    group by insert_id
),

fates as (
    select
        sent.run_id,
        sent.scope,
        sent.sent_at,
        coalesce(unix_seconds(returned.returned_at) - unix_seconds(sent.sent_at), 999999999) as seconds,
        unix_seconds(@until) - unix_seconds(sent.sent_at) as age
    from sent
    left join returned on sent.run_id = returned.insert_id
),

missed as (
    select
        run_id,
        scope,
        sent_at,
        0 as succeeded
    from fates
    where
        seconds > 600
        and age > 600
),

recovered as (
    select
        fates.run_id,
        fates.scope,
        fates.sent_at,
        1 as succeeded
    from fates
    inner join `${dataset}.findings` as findings
        on
            findings.rule_id = 'canary-lost'
            and findings.resource_name = concat('//pubsub.googleapis.com/', fates.scope)
    where
        fates.seconds <= 600
        and findings.state = 'OPEN'
        and findings.last_seen < fates.sent_at
    qualify row_number() over (partition by fates.scope order by fates.sent_at) = 1
),

news as (
    select
        run_id,
        scope,
        sent_at,
        succeeded
    from missed
    union all
    select
        run_id,
        scope,
        sent_at,
        succeeded
    from recovered
)

select
    run_id as caller,
    '' as caller_name,
    '' as caller_ip,
    '' as user_agent,
    '' as project,
    scope as resource,
    '' as target,
    1 as calls,
    succeeded,
    '' as items,
    '' as known_since,
    '' as subject,
    sent_at as occurred_at,
    'bindwatch-canary' as log_name,
    run_id as insert_id,
    '' as timestamp
from news
