-- By the day the request was sent, UTC. An unfinished request counts at the most it can cost.
with

requests as (

    select * from {{ ref('amplemarket__requests') }}

),

priced as (

    select
        kind,
        cast(submitted_at as date) as spent_on,
        lead_count,
        enriched_count,
        case
            when is_unsettled then email_credits_max
            else email_credits_estimated
        end as email_credits,
        case
            when is_unsettled then phone_credits_max
            else phone_credits_estimated
        end as phone_credits,
        case when is_unsettled then 1 else 0 end as is_open
    from requests
    where
        submitted_at is not null
        and status <> 'dropped'

),

final as (

    select
        spent_on,
        kind,
        {{ amplemarket_count('count(*)') }} as request_count,
        {{ amplemarket_count('sum(is_open)') }} as open_request_count,
        {{ amplemarket_count('sum(lead_count)') }} as lead_count,
        {{ amplemarket_count('sum(enriched_count)') }} as enriched_count,
        cast(sum(coalesce(email_credits, 0)) as {{ amplemarket_float() }}) as email_credits_at_most,
        cast(sum(coalesce(phone_credits, 0)) as {{ amplemarket_float() }}) as phone_credits_at_most
    from priced
    group by spent_on, kind

)

select * from final
