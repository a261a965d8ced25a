-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'contact_id': 'string',
    '_dlt_list_idx': 'bigint',
    'id': 'string',
    'number': 'string',
    'type': 'string',
    'source': 'string',
    'is_wrong_number': 'boolean',
    'is_dnc_listed': 'boolean',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'contacts__phone_numbers'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        contact_id,
        _dlt_list_idx as list_index,
        id as phone_number_id,
        number as phone_number,
        type as phone_type,
        source,
        is_wrong_number,
        is_dnc_listed,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
