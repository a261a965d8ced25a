-- Answers about a person that follow one another and say the same title and company are one
-- position. An answer that says neither says nothing of a position.
with

answers as (

    select
        person_id,
        request_key,
        enriched_at,
        title,
        company_id,
        current_position_started_on,
        lower(trim(coalesce(title, ''))) as compared_title,
        coalesce(company_id, '') as compared_company
    from {{ ref('stg_amplemarket__people_history') }}
    where
        title is not null
        or company_id is not null

),

compared as (

    select
        answers.*,
        lag(compared_title) over (
            partition by person_id
            order by enriched_at, request_key
        ) as previous_title,
        lag(compared_company) over (
            partition by person_id
            order by enriched_at, request_key
        ) as previous_company
    from answers

),

marked as (

    select
        compared.*,
        case
            when compared_title = previous_title and compared_company = previous_company then 0
            else 1
        end as is_start
    from compared

),

numbered as (

    select
        marked.*,
        sum(is_start) over (
            partition by person_id
            order by enriched_at, request_key
            rows between unbounded preceding and current row
        ) as position_number
    from marked

),

final as (

    select
        person_id,
        {{ amplemarket_count('position_number') }} as position_number,
        min(title) as title,
        min(company_id) as company_id,
        min(current_position_started_on) as started_on,
        min(enriched_at) as seen_from,
        max(enriched_at) as last_seen_at,
        {{ amplemarket_count('count(*)') }} as answer_count
    from numbered
    group by person_id, position_number

)

select * from final
