with

runs as (

    select * from {{ ref('stg_amplemarket__enrichment_runs') }}

),

final as (

    select
        run_key,
        command,
        label,
        version,
        started_at,
        finished_at,
        {{ amplemarket_count(dbt.datediff('started_at', 'finished_at', 'second')) }} as seconds,
        exit_code,
        case
            when finished_at is null then 'running'
            when exit_code = 0 then 'settled'
            when exit_code = 4 then 'stopped by credits'
            when exit_code = 5 then 'unfinished'
            else 'failed'
        end as ended,
        leads_read,
        leads_invalid,
        leads_known,
        leads_bought,
        leads_not_bought,
        requests_bought,
        requests_held,
        email_credits_estimated,
        phone_credits_estimated,
        rows_loaded
    from runs

)

select * from final
