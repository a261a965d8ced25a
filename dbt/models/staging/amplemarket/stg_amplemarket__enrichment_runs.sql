-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'run_key': 'string',
    'command': 'string',
    'label': 'string',
    'started_at': 'timestamp',
    'finished_at': 'timestamp',
    'exit_code': 'bigint',
    'leads_read': 'bigint',
    'leads_invalid': 'bigint',
    'leads_known': 'bigint',
    'leads_bought': 'bigint',
    'leads_not_bought': 'bigint',
    'requests_bought': 'bigint',
    'requests_held': 'bigint',
    'email_credits_estimated': 'float',
    'phone_credits_estimated': 'float',
    'rows_loaded': 'bigint',
    'version': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'enrichment_runs'), columns) }}
    from {{ source('amplemarket', 'enrichment_runs') }}

),

final as (

    select
        run_key,
        command,
        label,
        {{ amplemarket_utc('started_at') }} as started_at,
        {{ amplemarket_utc('finished_at') }} as finished_at,
        exit_code,
        leads_read,
        leads_invalid,
        leads_known,
        leads_bought,
        leads_not_bought,
        requests_bought,
        requests_held,
        email_credits_estimated,
        phone_credits_estimated,
        rows_loaded,
        version,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
