-- An input row without a result was not bought yet. One that was found and has no person any more
-- was erased for its age and may be bought again.
with

leads as (

    select * from {{ ref('stg_amplemarket__leads') }}

),

results as (

    select * from {{ ref('stg_amplemarket__enrichment_results') }}

),

people as (

    select * from {{ ref('amplemarket__people') }}

),

companies as (

    select * from {{ ref('amplemarket__companies') }}

),

validations as (

    select * from {{ ref('stg_amplemarket__email_validations') }}

),

outcomes as (

    select
        leads.lead_id,
        leads.lead_key,
        leads.external_id,
        leads.kind,
        leads.input_kind,
        case
            when results.status is null then 'pending'
            when
                results.status = 'enriched'
                and coalesce(results.person_id, results.company_id) is null
                and (leads.kind <> 'emails' or results.erased_at is not null)
                then 'aged_out'
            else results.status
        end as outcome,
        results.person_id,
        results.company_id as found_company_id,
        validations.email_result,
        results.request_key,
        leads.first_seen_at,
        results.enriched_at,
        coalesce(results.erased_at, leads.erased_at) as erased_at
    from leads
    left join results
        on
            leads.kind = results.kind
            and leads.lead_key = results.lead_key
    left join validations
        on
            leads.kind = 'emails'
            and leads.lead_key = validations.lead_key

),

final as (

    select
        outcomes.lead_id,
        outcomes.lead_key,
        outcomes.external_id,
        outcomes.kind,
        outcomes.input_kind,
        outcomes.outcome,
        outcomes.person_id,
        companies.company_id,
        people.full_name,
        people.title,
        people.best_email,
        coalesce(outcomes.email_result, people.best_email_result) as email_result,
        people.best_phone_number,
        people.linkedin_url as person_linkedin_url,
        people.position_started_on,
        coalesce(companies.company_name, people.company_name) as company_name,
        companies.website as company_website,
        companies.industry as company_industry,
        companies.estimated_number_of_employees as company_employees,
        companies.country as company_country,
        outcomes.request_key,
        outcomes.first_seen_at,
        outcomes.enriched_at,
        outcomes.erased_at
    from outcomes
    left join people
        on outcomes.person_id = people.person_id
    left join companies
        on coalesce(outcomes.found_company_id, people.company_id) = companies.company_id

)

select * from final
