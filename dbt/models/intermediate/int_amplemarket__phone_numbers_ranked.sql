-- The first of a person is the number to call: a mobile before a direct line, an office and others,
-- and of the same sort the one that the API names first. A number known to be wrong is none.
with

phone_numbers as (

    select
        person_id,
        list_index,
        phone_number,
        phone_type,
        coalesce(is_dnc_listed, false) as is_dnc_listed
    from {{ ref('stg_amplemarket__people__phone_numbers') }}
    where
        phone_number is not null
        and not coalesce(is_wrong_number, false)

),

final as (

    select
        person_id,
        list_index,
        phone_number,
        phone_type,
        is_dnc_listed,
        row_number() over (
            partition by person_id
            order by
                case lower(phone_type)
                    when 'mobile' then 0
                    when 'direct' then 1
                    when 'office' then 2
                    else 3
                end,
                list_index
        ) as phone_rank,
        count(*) over (partition by person_id) as phone_number_count
    from phone_numbers

)

select * from final
