-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'name': 'string',
    'first_name': 'string',
    'last_name': 'string',
    'email': 'string',
    'linkedin_url': 'string',
    'title': 'string',
    'location': 'string',
    'time_zone': 'string',
    'company_name': 'string',
    'company_domain': 'string',
    'owner': 'string',
    'last_contacted_at': 'timestamp',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'contacts'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as contact_id,
        name as full_name,
        first_name,
        last_name,
        email,
        linkedin_url,
        title,
        location,
        time_zone,
        company_name,
        company_domain,
        owner as owner_email,
        {{ amplemarket_utc('last_contacted_at') }} as last_contacted_at,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
