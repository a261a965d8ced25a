{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}

-- The owner is found by address: the API spells the ids of owners in two ways. Of two users with
-- one address it is the one who is there.
with

sequences as (

    select * from {{ ref('stg_amplemarket_workspace__sequences') }}
    where deleted_at is null

),

owners as (

    select
        lower(trim(email)) as owner_email,
        user_id,
        user_name,
        role,
        deleted_at is not null as has_left,
        row_number() over (
            partition by lower(trim(email))
            order by
                case when deleted_at is null then 0 else 1 end asc,
                deleted_at desc,
                user_id asc
        ) as owner_rank
    from {{ ref('stg_amplemarket_workspace__users') }}
    where email is not null

),

tasks as (

    select
        sequence_id,
        count(*) as task_count,
        sum(case when finished_at is null then 1 else 0 end) as open_task_count,
        count(distinct contact_id) as contact_count,
        max(finished_at) as last_task_finished_at
    from {{ ref('stg_amplemarket_workspace__tasks') }}
    where deleted_at is null and sequence_id is not null
    group by sequence_id

),

final as (

    select
        sequences.sequence_id,
        sequences.sequence_name,
        sequences.status,
        coalesce(sequences.status in ('active', 'paused'), false) as takes_leads,
        owners.user_id as owner_user_id,
        owners.user_name as owner_name,
        sequences.created_by_user_email as owner_email,
        owners.role as owner_role,
        case
            when sequences.created_by_user_email is not null
                then coalesce(owners.has_left, true)
        end as owner_has_left,
        {{ amplemarket_count('coalesce(tasks.task_count, 0)') }} as task_count,
        {{ amplemarket_count('coalesce(tasks.open_task_count, 0)') }} as open_task_count,
        {{ amplemarket_count('coalesce(tasks.contact_count, 0)') }} as contact_count,
        tasks.last_task_finished_at,
        sequences.created_at,
        sequences.updated_at
    from sequences
    left join owners
        on
            lower(trim(sequences.created_by_user_email)) = owners.owner_email
            and owners.owner_rank = 1
    left join tasks
        on sequences.sequence_id = tasks.sequence_id

)

select * from final
