-- Written by tests/dbt/staging.py from amplemarket_source/schema/tables.py.
{%- set columns = {
    'erasure_key': 'string',
    'key_of': 'string',
    'erased_at': 'timestamp',
    'reason': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    select
        {{ amplemarket_columns(source('amplemarket', 'erasures'), columns) }}
    from {{ source('amplemarket', 'erasures') }}

),

final as (

    select
        erasure_key,
        key_of,
        {{ amplemarket_utc('erased_at') }} as erased_at,
        reason,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
