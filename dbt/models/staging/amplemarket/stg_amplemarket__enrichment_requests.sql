-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'request_key': 'string',
    'kind': 'string',
    'request_id': 'string',
    'status': 'string',
    'lead_count': 'bigint',
    'enriched_count': 'bigint',
    'not_found_count': 'bigint',
    'gdpr_removed_count': 'bigint',
    'unanswered_count': 'bigint',
    'email_credits_max': 'float',
    'phone_credits_max': 'float',
    'email_credits_estimated': 'float',
    'phone_credits_estimated': 'float',
    'submitted_at': 'timestamp',
    'completed_at': 'timestamp',
    'loaded_at': 'timestamp',
    'account_id': 'string',
    'origin': 'string',
    'reveal_email': 'boolean',
    'reveal_phone_numbers': 'boolean',
    'label': 'string',
    'run_key': 'string',
    'error_code': 'string',
    'error_detail': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'enrichment_requests'), columns) }}
    from {{ source('amplemarket', 'enrichment_requests') }}

),

final as (

    select
        request_key,
        kind,
        request_id,
        status,
        lead_count,
        enriched_count,
        not_found_count,
        gdpr_removed_count,
        unanswered_count,
        email_credits_max,
        phone_credits_max,
        email_credits_estimated,
        phone_credits_estimated,
        {{ amplemarket_utc('submitted_at') }} as submitted_at,
        {{ amplemarket_utc('completed_at') }} as completed_at,
        {{ amplemarket_utc('loaded_at') }} as loaded_at,
        account_id,
        origin,
        reveal_email,
        reveal_phone_numbers,
        label,
        run_key,
        error_code,
        error_detail,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
