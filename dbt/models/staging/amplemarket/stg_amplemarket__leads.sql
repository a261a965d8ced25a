-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'lead_id': 'string',
    'lead_key': 'string',
    'external_id': 'string',
    'kind': 'string',
    'input_kind': 'string',
    'email': 'string',
    'linkedin_url': 'string',
    'company_domain': 'string',
    'company_name': 'string',
    'name': 'string',
    'title': 'string',
    'domain': 'string',
    'first_seen_at': 'timestamp',
    'erased_at': 'timestamp',
    '_dlt_load_id': 'string',
} %}
{%- set more = var('amplemarket__leads_pass_through_columns', []) %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'leads'), columns, more) }}
    from {{ source('amplemarket', 'leads') }}

),

final as (

    select
        lead_id,
        lead_key,
        external_id,
        kind,
        input_kind,
        email,
        linkedin_url,
        company_domain,
        company_name,
        name,
        title,
        domain,
        {{ amplemarket_utc('first_seen_at') }} as first_seen_at,
        {{ amplemarket_utc('erased_at') }} as erased_at,
        _dlt_load_id as dlt_load_id{% for column in more %}, {{ column }}{% endfor %}
    from loaded

)

select * from final
