-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'email': 'string',
    'source': 'string',
    'date_added': 'timestamp',
    'excluded_reason': 'string',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'excluded_emails'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        email,
        source as exclusion_source,
        {{ amplemarket_utc('date_added') }} as excluded_at,
        excluded_reason,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
