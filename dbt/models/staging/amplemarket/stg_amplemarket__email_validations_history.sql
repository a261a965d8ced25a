-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'lead_key': 'string',
    'request_key': 'string',
    'enriched_at': 'timestamp',
    'result': 'string',
    'catch_all': 'boolean',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'email_validations_history'), columns) }}
    from {{ source('amplemarket', 'email_validations_history') }}

),

final as (

    select
        lead_key,
        request_key,
        {{ amplemarket_utc('enriched_at') }} as enriched_at,
        result as email_result,
        catch_all as is_catch_all,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
