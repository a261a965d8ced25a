-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'company_id': 'string',
    '_dlt_list_idx': 'bigint',
    'value': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'companies__keywords'), columns) }}
    from {{ source('amplemarket', 'companies__keywords') }}

),

final as (

    select
        company_id,
        _dlt_list_idx as list_index,
        value as keyword,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
