-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'name': 'string',
    'email': 'string',
    'status': 'string',
    'role': 'string',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'users'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as user_id,
        name as user_name,
        email,
        status,
        role,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
