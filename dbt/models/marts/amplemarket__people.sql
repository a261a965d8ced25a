with

people as (

    select * from {{ ref('stg_amplemarket__people') }}

),

companies as (

    select * from {{ ref('stg_amplemarket__companies') }}

),

current_experience as (

    select * from {{ ref('int_amplemarket__experiences_ranked') }}
    where experience_rank = 1 and is_current

),

-- Of somebody who holds no position now, the last one is the first of the list.
previous_experience as (

    select
        person_id,
        title,
        company_name,
        row_number() over (
            partition by person_id
            order by experience_rank
        ) as previous_rank
    from {{ ref('int_amplemarket__experiences_ranked') }}
    where not (experience_rank = 1 and is_current)

),

best_phone as (

    select * from {{ ref('int_amplemarket__phone_numbers_ranked') }}
    where phone_rank = 1

),

best_email as (

    select * from {{ ref('int_amplemarket__emails_ranked') }}
    where email_rank = 1

),

verdicts as (

    select * from {{ ref('int_amplemarket__email_verdicts_ranked') }}
    where verdict_rank = 1

),

final as (

    select
        people.person_id,
        people.full_name,
        people.first_name,
        people.last_name,
        people.gender,
        people.linkedin_url,
        best_email.email as best_email,
        best_email.email_source as best_email_source,
        verdicts.email_result as best_email_result,
        verdicts.is_catch_all as best_email_is_catch_all,
        verdicts.validated_at as best_email_validated_at,
        best_phone.phone_number as best_phone_number,
        best_phone.phone_type as best_phone_type,
        best_phone.is_dnc_listed as best_phone_is_dnc_listed,
        coalesce(best_phone.phone_number_count, 0) as phone_number_count,
        coalesce(people.title, current_experience.title) as title,
        people.headline,
        people.company_id,
        coalesce(companies.company_name, current_experience.company_name) as company_name,
        companies.website as company_website,
        companies.industry as company_industry,
        companies.size as company_size,
        companies.country as company_country,
        coalesce(
            people.current_position_started_on, current_experience.started_on
        ) as position_started_on,
        previous_experience.title as previous_title,
        previous_experience.company_name as previous_company_name,
        people.city,
        people.state,
        people.country,
        people.request_key,
        people.enriched_at
    from people
    left join companies
        on people.company_id = companies.company_id
    left join current_experience
        on people.person_id = current_experience.person_id
    left join previous_experience
        on
            people.person_id = previous_experience.person_id
            and previous_experience.previous_rank = 1
    left join best_phone
        on people.person_id = best_phone.person_id
    left join best_email
        on people.person_id = best_email.person_id
    left join verdicts
        on lower(best_email.email) = verdicts.normal_email

)

select * from final
