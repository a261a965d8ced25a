-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'load_id': 'string',
    'schema_name': 'string',
    'status': 'bigint',
    'inserted_at': 'timestamp',
    'schema_version_hash': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'loads'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        load_id,
        schema_name,
        status,
        {{ amplemarket_utc('inserted_at') }} as inserted_at,
        schema_version_hash
    from loaded

)

select * from final
