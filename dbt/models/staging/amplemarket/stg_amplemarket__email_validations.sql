-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'lead_key': 'string',
    'email': 'string',
    'result': 'string',
    'catch_all': 'boolean',
    'request_key': 'string',
    'enrichment_request_id': 'string',
    'enriched_at': 'timestamp',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'email_validations'), columns) }}
    from {{ source('amplemarket', 'email_validations') }}

),

final as (

    select
        lead_key,
        email,
        result as email_result,
        catch_all as is_catch_all,
        request_key,
        enrichment_request_id,
        {{ amplemarket_utc('enriched_at') }} as enriched_at,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
