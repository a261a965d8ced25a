-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'lead_list_id': 'string',
    'lead_list_lead_id': 'string',
    '_dlt_list_idx': 'bigint',
    'number': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'lead_list_leads__phone_numbers'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        lead_list_id,
        lead_list_lead_id,
        _dlt_list_idx as list_index,
        number as phone_number,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
