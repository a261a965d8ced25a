-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'job_opening_id': 'string',
    '_dlt_list_idx': 'bigint',
    'value': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'job_openings__seniorities'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        job_opening_id,
        _dlt_list_idx as list_index,
        value as seniority,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
