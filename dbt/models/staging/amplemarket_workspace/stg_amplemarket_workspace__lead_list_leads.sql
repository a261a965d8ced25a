-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'lead_list_id': 'string',
    'email': 'string',
    'first_name': 'string',
    'last_name': 'string',
    'title': 'string',
    'linkedin_url': 'string',
    'location': 'string',
    'company_name': 'string',
    'company_domain': 'string',
    'industry': 'string',
    'company_size': 'string',
    'company_linkedin_url': 'string',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'lead_list_leads'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as lead_list_lead_id,
        lead_list_id,
        email,
        first_name,
        last_name,
        title,
        linkedin_url,
        location,
        company_name,
        company_domain,
        industry,
        company_size,
        company_linkedin_url,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
