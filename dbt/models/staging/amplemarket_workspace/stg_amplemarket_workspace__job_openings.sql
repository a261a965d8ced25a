-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'company_id': 'string',
    'title': 'string',
    'url': 'string',
    'raw_location': 'string',
    'description': 'string',
    'raw_salary': 'string',
    'first_seen_at': 'timestamp',
    'last_seen_at': 'timestamp',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'job_openings'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as job_opening_id,
        company_id,
        title,
        url,
        raw_location,
        description,
        raw_salary,
        {{ amplemarket_utc('first_seen_at') }} as first_seen_at,
        {{ amplemarket_utc('last_seen_at') }} as last_seen_at,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
