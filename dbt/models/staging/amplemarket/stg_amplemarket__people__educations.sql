-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'person_id': 'string',
    '_dlt_list_idx': 'bigint',
    '_dlt_load_id': 'string',
    'school': 'string',
    'degree': 'string',
    'field_of_study': 'string',
    'start_year': 'string',
    'end_year': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'people__educations'), columns) }}
    from {{ source('amplemarket', 'people__educations') }}

),

final as (

    select
        person_id,
        _dlt_list_idx as list_index,
        _dlt_load_id as dlt_load_id,
        school,
        degree,
        field_of_study,
        start_year,
        end_year
    from loaded

)

select * from final
