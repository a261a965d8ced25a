-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'person_id': 'string',
    '_dlt_list_idx': 'bigint',
    '_dlt_load_id': 'string',
    'title': 'string',
    'company_name': 'string',
    'start_date': 'string',
    'end_date': 'string',
    'is_current': 'boolean',
    'description': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'people__experiences'), columns) }}
    from {{ source('amplemarket', 'people__experiences') }}

),

final as (

    select
        person_id,
        _dlt_list_idx as list_index,
        _dlt_load_id as dlt_load_id,
        title,
        company_name,
        start_date,
        {{ amplemarket_date('start_date') }} as started_on,
        end_date,
        {{ amplemarket_date('end_date') }} as ended_on,
        is_current,
        description
    from loaded

)

select * from final
