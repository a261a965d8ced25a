-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'company_id': 'string',
    'request_key': 'string',
    'enriched_at': 'timestamp',
    'estimated_number_of_employees': 'bigint',
    'followers': 'bigint',
    'revenue': 'bigint',
    'total_funding': 'bigint',
    'latest_funding_stage': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'companies_history'), columns) }}
    from {{ source('amplemarket', 'companies_history') }}

),

final as (

    select
        company_id,
        request_key,
        {{ amplemarket_utc('enriched_at') }} as enriched_at,
        estimated_number_of_employees,
        followers,
        revenue,
        total_funding,
        latest_funding_stage,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
