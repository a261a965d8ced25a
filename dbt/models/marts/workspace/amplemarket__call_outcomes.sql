{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}

-- Users and dispositions that are gone still say whose a call was, and what it ended with.
with

calls as (

    select * from {{ ref('stg_amplemarket_workspace__calls') }}
    where deleted_at is null

),

users as (

    select * from {{ ref('stg_amplemarket_workspace__users') }}

),

dispositions as (

    select * from {{ ref('stg_amplemarket_workspace__call_dispositions') }}

),

named as (

    select
        cast({{ dbt.date_trunc('month', 'calls.started_at') }} as date) as call_month,
        calls.user_id,
        calls.disposition_id,
        users.user_name,
        coalesce(users.email, calls.user_email) as user_email,
        coalesce(dispositions.disposition_name, calls.disposition_name) as disposition_name,
        dispositions.action as disposition_action,
        calls.direction,
        calls.is_answered,
        calls.is_human,
        calls.duration_seconds,
        calls.contact_id,
        calls.started_at
    from calls
    left join users
        on calls.user_id = users.user_id
    left join dispositions
        on calls.disposition_id = dispositions.disposition_id

),

counted as (

    select
        call_month,
        user_id,
        disposition_id,
        max(user_name) as user_name,
        max(user_email) as user_email,
        max(disposition_name) as disposition_name,
        max(disposition_action) as disposition_action,
        count(*) as call_count,
        sum(case when direction = 'outgoing' then 1 else 0 end) as outgoing_count,
        sum(case when direction = 'incoming' then 1 else 0 end) as incoming_count,
        sum(case when is_answered then 1 else 0 end) as answered_count,
        sum(case when is_human then 1 else 0 end) as human_count,
        coalesce(sum(duration_seconds), 0) as duration_seconds,
        count(distinct contact_id) as contact_count,
        min(started_at) as first_call_at,
        max(started_at) as last_call_at
    from named
    group by 1, 2, 3

),

final as (

    select
        call_month,
        user_id,
        disposition_id,
        user_name,
        user_email,
        disposition_name,
        disposition_action,
        {{ amplemarket_count('call_count') }} as call_count,
        {{ amplemarket_count('outgoing_count') }} as outgoing_count,
        {{ amplemarket_count('incoming_count') }} as incoming_count,
        {{ amplemarket_count('answered_count') }} as answered_count,
        {{ amplemarket_count('human_count') }} as human_count,
        {{ amplemarket_ratio('human_count', 'call_count') }} as human_rate,
        {{ amplemarket_count('duration_seconds') }} as duration_seconds,
        {{ amplemarket_count('contact_count') }} as contact_count,
        first_call_at,
        last_call_at
    from counted

)

select * from final
