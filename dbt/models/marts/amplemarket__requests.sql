with

requests as (

    select * from {{ ref('stg_amplemarket__enrichment_requests') }}

),

-- A load that died on its way is none: what it brought is not known to be there.
loads as (

    select load_id from {{ ref('stg_amplemarket__loads') }}
    where status = 0

),

settled as (

    select
        requests.*,
        requests.loaded_at is not null and loads.load_id is not null as is_loaded
    from requests
    left join loads
        on requests.dlt_load_id = loads.load_id

),

final as (

    select
        request_key,
        request_id,
        kind,
        label,
        run_key,
        account_id,
        status,
        reveal_email,
        reveal_phone_numbers,
        lead_count,
        enriched_count,
        not_found_count,
        gdpr_removed_count,
        unanswered_count,
        {{ amplemarket_ratio('enriched_count', 'lead_count') }} as match_rate,
        email_credits_max,
        phone_credits_max,
        email_credits_estimated,
        phone_credits_estimated,
        submitted_at,
        completed_at,
        loaded_at,
        {{ amplemarket_count(dbt.datediff('submitted_at', 'completed_at', 'second')) }}
            as seconds_to_complete,
        status = 'held' as is_held,
        status <> 'dropped' and not is_loaded as is_unsettled,
        error_code,
        error_detail
    from settled

)

select * from final
