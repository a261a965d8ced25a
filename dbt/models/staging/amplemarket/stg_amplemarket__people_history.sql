-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'person_id': 'string',
    'request_key': 'string',
    'enriched_at': 'timestamp',
    'title': 'string',
    'headline': 'string',
    'company_id': 'string',
    'current_position_start_date': 'string',
    'location_details__country': 'string',
    'has_email': 'boolean',
    'has_phone': 'boolean',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'people_history'), columns) }}
    from {{ source('amplemarket', 'people_history') }}

),

final as (

    select
        person_id,
        request_key,
        {{ amplemarket_utc('enriched_at') }} as enriched_at,
        title,
        headline,
        company_id,
        current_position_start_date,
        {{ amplemarket_date('current_position_start_date') }} as current_position_started_on,
        location_details__country as country,
        has_email,
        has_phone,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
