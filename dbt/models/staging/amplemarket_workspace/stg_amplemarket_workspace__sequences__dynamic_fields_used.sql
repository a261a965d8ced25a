-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'sequence_id': 'string',
    '_dlt_list_idx': 'bigint',
    'value': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'sequences__dynamic_fields_used'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        sequence_id,
        _dlt_list_idx as list_index,
        value as field_name,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
