-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'name': 'string',
    'status': 'string',
    'shared': 'boolean',
    'visible': 'boolean',
    'owner__email': 'string',
    'options__reveal_phone_numbers': 'boolean',
    'options__validate_email': 'boolean',
    'options__enrich': 'boolean',
    'type': 'string',
    'url': 'string',
    'created_at': 'timestamp',
    'updated_at': 'timestamp',
    'deleted_at': 'timestamp',
    'synced_at': 'timestamp',
    'row_hash': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'lead_lists'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as lead_list_id,
        name as lead_list_name,
        status,
        shared as is_shared,
        visible as is_visible,
        owner__email as owner_email,
        options__reveal_phone_numbers as reveals_phone_numbers,
        options__validate_email as validates_emails,
        options__enrich as enriches,
        type as lead_list_type,
        url,
        {{ amplemarket_utc('created_at') }} as created_at,
        {{ amplemarket_utc('updated_at') }} as updated_at,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
