-- Written by tests/dbt/staging.py from amplemarket_source/schema/streams.py.
{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}
{%- set columns = {
    'user_id': 'string',
    '_dlt_list_idx': 'bigint',
    'id': 'string',
    'email': 'string',
    '_dlt_load_id': 'string',
} %}

with

loaded as (

    {{ amplemarket_partial(
        source('amplemarket_workspace', 'users__mailboxes'),
        columns,
        source('amplemarket_workspace', 'loads')
    ) }}

),

final as (

    select
        user_id,
        _dlt_list_idx as list_index,
        id as mailbox_id,
        email,
        _dlt_load_id as dlt_load_id
    from loaded

)

select * from final
