-- The first of a person is the position that is held now; the second the one before it.
with

experiences as (

    select
        person_id,
        list_index,
        title,
        company_name,
        started_on,
        ended_on,
        coalesce(is_current, end_date is null) as is_current
    from {{ ref('stg_amplemarket__people__experiences') }}

),

final as (

    select
        person_id,
        list_index,
        title,
        company_name,
        started_on,
        ended_on,
        is_current,
        row_number() over (
            partition by person_id
            order by
                case when is_current then 0 else 1 end,
                coalesce(started_on, cast('0001-01-01' as date)) desc,
                list_index
        ) as experience_rank
    from experiences

)

select * from final
