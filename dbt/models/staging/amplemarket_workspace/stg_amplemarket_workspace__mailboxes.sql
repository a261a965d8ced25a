-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'id': 'string',
    'email': 'string',
    'email_provider': 'string',
    'daily_email_limit': 'bigint',
    'status': 'string',
    'user__id': 'string',
    'user__name': 'string',
    'user__email': 'string',
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
        source('amplemarket_workspace', 'mailboxes'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        id as mailbox_id,
        email,
        email_provider,
        daily_email_limit,
        status,
        user__id as user_id,
        user__name as user_name,
        user__email as user_email,
        {{ amplemarket_utc('created_at') }} as created_at,
        {{ amplemarket_utc('updated_at') }} as updated_at,
        {{ amplemarket_utc('deleted_at') }} as deleted_at,
        {{ amplemarket_utc('synced_at') }} as synced_at,
        row_hash,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
