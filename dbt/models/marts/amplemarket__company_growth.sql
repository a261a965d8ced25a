with

answers as (

    select * from {{ ref('stg_amplemarket__companies_history') }}

),

companies as (

    select * from {{ ref('stg_amplemarket__companies') }}

),

compared as (

    select
        answers.*,
        lag(enriched_at) over (
            partition by company_id
            order by enriched_at, request_key
        ) as previous_seen_at,
        lag(estimated_number_of_employees) over (
            partition by company_id
            order by enriched_at, request_key
        ) as previous_employees,
        lag(followers) over (
            partition by company_id
            order by enriched_at, request_key
        ) as previous_followers,
        lag(revenue) over (
            partition by company_id
            order by enriched_at, request_key
        ) as previous_revenue,
        lag(total_funding) over (
            partition by company_id
            order by enriched_at, request_key
        ) as previous_total_funding,
        lag(latest_funding_stage) over (
            partition by company_id
            order by enriched_at, request_key
        ) as previous_funding_stage
    from answers

),

final as (

    select
        compared.company_id,
        compared.request_key,
        companies.company_name,
        compared.enriched_at as seen_at,
        compared.previous_seen_at,
        {{ amplemarket_count(
            dbt.datediff('compared.previous_seen_at', 'compared.enriched_at', 'day')
        ) }} as days_since_previous,
        compared.estimated_number_of_employees as employees,
        compared.estimated_number_of_employees - compared.previous_employees as employees_change,
        {{ amplemarket_ratio(
            'compared.estimated_number_of_employees - compared.previous_employees',
            'compared.previous_employees'
        ) }} as employees_growth,
        compared.followers,
        compared.followers - compared.previous_followers as followers_change,
        compared.revenue,
        compared.revenue - compared.previous_revenue as revenue_change,
        compared.total_funding,
        compared.total_funding - compared.previous_total_funding as total_funding_change,
        compared.latest_funding_stage as funding_stage,
        compared.previous_funding_stage
    from compared
    left join companies
        on compared.company_id = companies.company_id

)

select * from final
