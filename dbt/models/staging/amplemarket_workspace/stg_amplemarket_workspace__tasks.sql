-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'automatic': 'boolean',
    'type': 'string',
    'status': 'string',
    'due_on': 'timestamp',
    'finished_on': 'timestamp',
    'notes': 'string',
    'sequence_key': 'string',
    'sequence_name': 'string',
    'user_id': 'string',
    'user_email': 'string',
    'contact__id': 'string',
    'contact__name': 'string',
    'contact__email': 'string',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'tasks'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as task_id,
        automatic as is_automatic,
        type as task_type,
        status as task_status,
        {{ amplemarket_utc('due_on') }} as due_at,
        {{ amplemarket_utc('finished_on') }} as finished_at,
        notes,
        sequence_key as sequence_id,
        sequence_name,
        user_id,
        user_email,
        contact__id as contact_id,
        contact__name as contact_name,
        contact__email as contact_email,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
