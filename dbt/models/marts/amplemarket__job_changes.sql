with

positions as (

    select * from {{ ref('amplemarket__person_positions') }}

),

people as (

    select * from {{ ref('stg_amplemarket__people') }}

),

final as (

    select
        later.person_id,
        later.position_number - 1 as change_number,
        people.full_name,
        earlier.title as from_title,
        later.title as to_title,
        earlier.company_id as from_company_id,
        later.company_id as to_company_id,
        earlier.company_name as from_company_name,
        later.company_name as to_company_name,
        coalesce(earlier.company_id, '') <> coalesce(later.company_id, '') as is_company_change,
        lower(trim(coalesce(earlier.title, '')))
        <> lower(trim(coalesce(later.title, ''))) as is_title_change,
        later.started_on,
        earlier.last_seen_at as last_seen_before_at,
        later.seen_from as seen_at
    from positions as later
    inner join positions as earlier
        on
            later.person_id = earlier.person_id
            and later.position_number = earlier.position_number + 1
    left join people
        on later.person_id = people.person_id

)

select * from final
