-- Whoever was found is there, but for those who were erased for the age of their answer.
with

results as (

    select * from {{ ref('stg_amplemarket__enrichment_results') }}
    where status = 'enriched'

)

select
    results.kind,
    results.lead_key
from results
left join {{ ref('stg_amplemarket__people') }} as people
    on results.person_id = people.person_id
left join {{ ref('stg_amplemarket__companies') }} as companies
    on results.company_id = companies.company_id
where
    (results.kind = 'people' and results.person_id is not null and people.person_id is null)
    or (
        results.kind = 'companies'
        and results.company_id is not null
        and companies.company_id is null
    )
    or (
        results.kind <> 'emails'
        and coalesce(results.person_id, results.company_id) is null
        and results.erased_at is null
    )
