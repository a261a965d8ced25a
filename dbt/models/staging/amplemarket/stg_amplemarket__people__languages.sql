-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'person_id': 'string',
    '_dlt_list_idx': 'bigint',
    '_dlt_load_id': 'string',
    'name': 'string',
    'proficiency': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'people__languages'), columns) }}
    from {{ source('amplemarket', 'people__languages') }}

),

final as (

    select
        person_id,
        _dlt_list_idx as list_index,
        _dlt_load_id as dlt_load_id,
        name as language,
        proficiency
    from loaded

)

select * from final
