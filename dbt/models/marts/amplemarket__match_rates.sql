with

leads as (

    select * from {{ ref('amplemarket__leads') }}

),

counted as (

    select
        kind,
        coalesce(input_kind, 'unknown') as input_kind,
        cast({{ dbt.date_trunc('month', 'first_seen_at') }} as date) as first_seen_month,
        count(*) as lead_count,
        sum(case when outcome in ('enriched', 'aged_out') then 1 else 0 end) as matched_count,
        sum(case when outcome = 'not_found' then 1 else 0 end) as not_found_count,
        sum(case when outcome = 'gdpr_removed' then 1 else 0 end) as gdpr_removed_count,
        sum(case when outcome = 'unanswered' then 1 else 0 end) as unanswered_count,
        sum(case when outcome = 'pending' then 1 else 0 end) as pending_count
    from leads
    group by 1, 2, 3

),

final as (

    select
        kind,
        input_kind,
        first_seen_month,
        {{ amplemarket_count('lead_count') }} as lead_count,
        {{ amplemarket_count('matched_count') }} as matched_count,
        {{ amplemarket_count('not_found_count') }} as not_found_count,
        {{ amplemarket_count('gdpr_removed_count') }} as gdpr_removed_count,
        {{ amplemarket_count('unanswered_count') }} as unanswered_count,
        {{ amplemarket_count('pending_count') }} as pending_count,
        {{ amplemarket_ratio('matched_count', 'lead_count - pending_count') }} as match_rate
    from counted

)

select * from final
