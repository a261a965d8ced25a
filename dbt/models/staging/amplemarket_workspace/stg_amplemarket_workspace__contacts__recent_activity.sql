-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'contact_id': 'string',
    '_dlt_list_idx': 'bigint',
    'event_at': 'timestamp',
    'event_type': 'string',
    'sequence_id': 'string',
    'sequence_name': 'string',
    'sequence_type': 'string',
    'description': 'string',
    'notes': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'contacts__recent_activity'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        contact_id,
        _dlt_list_idx as list_index,
        {{ amplemarket_utc('event_at') }} as event_at,
        event_type,
        sequence_id,
        sequence_name,
        sequence_type,
        description,
        notes,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
