-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'name': 'string',
    'status': 'string',
    'created_at': 'timestamp',
    'updated_at': 'timestamp',
    'created_by_user_id': 'string',
    'created_by_user_email': 'string',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'sequences'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as sequence_id,
        name as sequence_name,
        status,
        {{ amplemarket_utc('created_at') }} as created_at,
        {{ amplemarket_utc('updated_at') }} as updated_at,
        created_by_user_id,
        created_by_user_email,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
