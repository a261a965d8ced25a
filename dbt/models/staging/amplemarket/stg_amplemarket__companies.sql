-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'id': 'string',
    'name': 'string',
    'linkedin_url': 'string',
    'website': 'string',
    'overview': 'string',
    'logo_url': 'string',
    'founded_year': 'bigint',
    'traffic_rank': 'bigint',
    'type': 'string',
    'total_funding': 'bigint',
    'latest_funding_stage': 'string',
    'latest_funding_date': 'string',
    'estimated_number_of_employees': 'bigint',
    'followers': 'bigint',
    'size': 'string',
    'industry': 'string',
    'location': 'string',
    'location_details__city': 'string',
    'location_details__state': 'string',
    'location_details__country': 'string',
    'is_b2b': 'boolean',
    'is_b2c': 'boolean',
    'estimated_revenue': 'string',
    'revenue': 'bigint',
    'request_key': 'string',
    'enrichment_request_id': 'string',
    'enriched_at': 'timestamp',
    '_dlt_load_id': 'string',
} %}
{%- set more = var('amplemarket__companies_pass_through_columns', []) %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'companies'), columns, more) }}
    from {{ source('amplemarket', 'companies') }}

),

final as (

    select
        id as company_id,
        name as company_name,
        linkedin_url,
        website,
        overview,
        logo_url,
        founded_year,
        traffic_rank,
        type as company_type,
        total_funding,
        latest_funding_stage,
        latest_funding_date,
        {{ amplemarket_date('latest_funding_date') }} as latest_funded_on,
        estimated_number_of_employees,
        followers,
        size,
        industry,
        location,
        location_details__city as city,
        location_details__state as state,
        location_details__country as country,
        is_b2b,
        is_b2c,
        estimated_revenue,
        revenue,
        request_key,
        enrichment_request_id,
        {{ amplemarket_utc('enriched_at') }} as enriched_at,
        _dlt_load_id as dlt_load_id{% for column in more %}, {{ column }}{% endfor %}
    from loaded

)

select * from final
