-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'company_id': 'string',
    '_dlt_list_idx': 'bigint',
    'address': 'string',
    'is_primary': 'boolean',
    'country': 'string',
    '_dlt_load_id': 'string',
    'city': 'string',
    'state': 'string',
    'postal_code': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'companies__locations'), columns) }}
    from {{ source('amplemarket', 'companies__locations') }}

),

final as (

    select
        company_id,
        _dlt_list_idx as list_index,
        address,
        is_primary,
        country,
        _dlt_load_id as dlt_load_id,
        city,
        state,
        postal_code
    from loaded

)

select * from final
