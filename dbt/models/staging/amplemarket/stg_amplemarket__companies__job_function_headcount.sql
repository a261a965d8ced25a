-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'company_id': 'string',
    '_dlt_list_idx': 'bigint',
    'label': 'string',
    'headcount': 'bigint',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(
            source('amplemarket', 'companies__job_function_headcount'), columns
        ) }}
    from {{ source('amplemarket', 'companies__job_function_headcount') }}

),

final as (

    select
        company_id,
        _dlt_list_idx as list_index,
        label,
        headcount,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
