-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'task_id': 'string',
    'user_id': 'string',
    'disposition_id': 'string',
    'from': 'string',
    'to': 'string',
    'duration': 'bigint',
    'transcription': 'string',
    'notes': 'string',
    'recording_url': 'string',
    'answered': 'boolean',
    'human': 'boolean',
    'external': 'boolean',
    'start_date': 'timestamp',
    'contact__id': 'string',
    'contact__name': 'string',
    'contact__email': 'string',
    'user_email': 'string',
    'disposition_name': 'string',
    'direction': 'string',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'calls'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as call_id,
        task_id,
        user_id,
        disposition_id,
        {{ adapter.quote('from') }} as from_number,
        {{ adapter.quote('to') }} as to_number,
        duration as duration_seconds,
        transcription,
        notes,
        recording_url,
        answered as is_answered,
        human as is_human,
        external as is_external,
        {{ amplemarket_utc('start_date') }} as started_at,
        contact__id as contact_id,
        contact__name as contact_name,
        contact__email as contact_email,
        user_email,
        disposition_name,
        direction,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
