-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'kind': 'string',
    'lead_key': 'string',
    'status': 'string',
    'person_id': 'string',
    'company_id': 'string',
    'request_key': 'string',
    'request_id': 'string',
    'result_id': 'string',
    'input_kind': 'string',
    'enriched_at': 'timestamp',
    'erased_at': 'timestamp',
    'reveal_email': 'boolean',
    'reveal_phone_numbers': 'boolean',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'enrichment_results'), columns) }}
    from {{ source('amplemarket', 'enrichment_results') }}

),

final as (

    select
        kind,
        lead_key,
        status,
        person_id,
        company_id,
        request_key,
        request_id,
        result_id,
        input_kind,
        {{ amplemarket_utc('enriched_at') }} as enriched_at,
        {{ amplemarket_utc('erased_at') }} as erased_at,
        reveal_email,
        reveal_phone_numbers,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
