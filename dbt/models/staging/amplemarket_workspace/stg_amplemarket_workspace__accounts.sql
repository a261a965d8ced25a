-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'name': 'string',
    'website': 'string',
    'linkedin_url': 'string',
    'owner_email': 'string',
    'last_contacted_at': 'timestamp',
    'last_engaged_at': 'timestamp',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'accounts'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as account_id,
        name as account_name,
        website,
        linkedin_url,
        owner_email,
        {{ amplemarket_utc('last_contacted_at') }} as last_contacted_at,
        {{ amplemarket_utc('last_engaged_at') }} as last_engaged_at,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
