with

departments as (

    select * from {{ ref('stg_amplemarket__companies__department_headcount') }}

),

job_functions as (

    select * from {{ ref('stg_amplemarket__companies__job_function_headcount') }}

),

headcounts as (

    select
        company_id,
        'department' as dimension,
        label,
        headcount
    from departments

    union all

    select
        company_id,
        'job_function' as dimension,
        label,
        headcount
    from job_functions

),

totals as (

    select
        company_id,
        dimension,
        sum(headcount) as total
    from headcounts
    group by company_id, dimension

),

final as (

    select
        headcounts.company_id,
        headcounts.dimension,
        headcounts.label,
        headcounts.headcount,
        {{ amplemarket_ratio('headcounts.headcount', 'totals.total') }} as headcount_share
    from headcounts
    inner join totals
        on
            headcounts.company_id = totals.company_id
            and headcounts.dimension = totals.dimension

)

select * from final
