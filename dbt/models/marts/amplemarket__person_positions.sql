with

positions as (

    select * from {{ ref('int_amplemarket__positions') }}

),

companies as (

    select * from {{ ref('stg_amplemarket__companies') }}

),

final as (

    select
        positions.person_id,
        positions.position_number,
        positions.title,
        positions.company_id,
        companies.company_name,
        positions.started_on,
        positions.seen_from,
        positions.last_seen_at,
        lead(positions.seen_from) over (
            partition by positions.person_id
            order by positions.position_number
        ) as seen_to,
        lead(positions.seen_from) over (
            partition by positions.person_id
            order by positions.position_number
        ) is null as is_latest,
        positions.answer_count
    from positions
    left join companies
        on positions.company_id = companies.company_id

)

select * from final
