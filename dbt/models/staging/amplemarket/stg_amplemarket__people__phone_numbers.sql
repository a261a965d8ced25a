-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'person_id': 'string',
    '_dlt_list_idx': 'bigint',
    'number': 'string',
    'type': 'string',
    '_dlt_load_id': 'string',
    'is_wrong_number': 'boolean',
    'is_dnc_listed': 'boolean',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'people__phone_numbers'), columns) }}
    from {{ source('amplemarket', 'people__phone_numbers') }}

),

final as (

    select
        person_id,
        _dlt_list_idx as list_index,
        number as phone_number,
        type as phone_type,
        _dlt_load_id as dlt_load_id,
        is_wrong_number,
        is_dnc_listed
    from loaded

)

select * from final
