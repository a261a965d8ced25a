-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'reject_id': 'string',
    'stage': 'string',
    'reason': 'string',
    'source': 'string',
    'line': 'bigint',
    'external_id': 'string',
    'lead_key': 'string',
    'entity_id': 'string',
    'request_key': 'string',
    'raw': 'string',
    'first_rejected_at': 'timestamp',
    'rejected_at': 'timestamp',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'rejects'), columns) }}
    from {{ source('amplemarket', 'rejects') }}

),

final as (

    select
        reject_id,
        stage,
        reason,
        source,
        line,
        external_id,
        lead_key,
        entity_id,
        request_key,
        raw,
        {{ amplemarket_utc('first_rejected_at') }} as first_rejected_at,
        {{ amplemarket_utc('rejected_at') }} as rejected_at,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
