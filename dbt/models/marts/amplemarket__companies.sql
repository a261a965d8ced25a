with

companies as (

    select * from {{ ref('stg_amplemarket__companies') }}

),

locations as (

    select
        company_id,
        address,
        city,
        country,
        row_number() over (
            partition by company_id
            order by
                case when is_primary then 0 else 1 end,
                list_index
        ) as location_rank,
        {{ amplemarket_count('count(*) over (partition by company_id)') }} as location_count
    from {{ ref('stg_amplemarket__companies__locations') }}

),

known_people as (

    select
        company_id,
        {{ amplemarket_count('count(*)') }} as known_people_count
    from {{ ref('stg_amplemarket__people') }}
    where company_id is not null
    group by company_id

),

technologies as (

    select
        company_id,
        {{ amplemarket_count('count(*)') }} as technology_count
    from {{ ref('stg_amplemarket__companies__technologies') }}
    group by company_id

),

final as (

    select
        companies.company_id,
        companies.company_name,
        companies.website,
        companies.linkedin_url,
        companies.company_type,
        companies.industry,
        companies.size,
        companies.estimated_number_of_employees,
        companies.followers,
        companies.revenue,
        companies.estimated_revenue,
        companies.total_funding,
        companies.latest_funding_stage,
        companies.latest_funded_on,
        companies.founded_year,
        companies.traffic_rank,
        companies.is_b2b,
        companies.is_b2c,
        companies.city,
        companies.state,
        companies.country,
        locations.address as main_address,
        locations.city as main_city,
        locations.country as main_country,
        coalesce(locations.location_count, 0) as location_count,
        coalesce(technologies.technology_count, 0) as technology_count,
        coalesce(known_people.known_people_count, 0) as known_people_count,
        companies.request_key,
        companies.enriched_at
    from companies
    left join locations
        on
            companies.company_id = locations.company_id
            and locations.location_rank = 1
    left join technologies
        on companies.company_id = technologies.company_id
    left join known_people
        on companies.company_id = known_people.company_id

)

select * from final
