-- Found, missed, removed, unanswered, waiting and aged out: together they are all leads.
with

rates as (

    select
        sum(lead_count) as lead_count,
        sum(
            matched_count + not_found_count + gdpr_removed_count + unanswered_count + pending_count
        ) as outcome_count
    from {{ ref('amplemarket__match_rates') }}

),

leads as (

    select count(*) as lead_count from {{ ref('stg_amplemarket__leads') }}

)

select
    rates.lead_count,
    rates.outcome_count,
    leads.lead_count as input_count
from rates
cross join leads
where
    coalesce(rates.lead_count, 0) <> leads.lead_count
    or coalesce(rates.outcome_count, 0) <> leads.lead_count
