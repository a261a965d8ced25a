-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'id': 'string',
    'linkedin_url': 'string',
    'name': 'string',
    'email': 'string',
    'first_name': 'string',
    'last_name': 'string',
    'gender': 'string',
    'title': 'string',
    'headline': 'string',
    'about': 'string',
    'current_position_start_date': 'string',
    'current_position_description': 'string',
    'location': 'string',
    'image_url': 'string',
    'location_details__city': 'string',
    'location_details__state': 'string',
    'location_details__country': 'string',
    'company_id': 'string',
    'request_key': 'string',
    'enrichment_request_id': 'string',
    'enriched_at': 'timestamp',
    '_dlt_load_id': 'string',
} %}
{%- set more = var('amplemarket__people_pass_through_columns', []) %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'people'), columns, more) }}
    from {{ source('amplemarket', 'people') }}

),

final as (

    select
        id as person_id,
        linkedin_url,
        name as full_name,
        email,
        first_name,
        last_name,
        gender,
        title,
        headline,
        about,
        current_position_start_date,
        {{ amplemarket_date('current_position_start_date') }} as current_position_started_on,
        current_position_description,
        location,
        image_url,
        location_details__city as city,
        location_details__state as state,
        location_details__country as country,
        company_id,
        request_key,
        enrichment_request_id,
        {{ amplemarket_utc('enriched_at') }} as enriched_at,
        _dlt_load_id as dlt_load_id{% for column in more %}, {{ column }}{% endfor %}
    from loaded

)

select * from final
