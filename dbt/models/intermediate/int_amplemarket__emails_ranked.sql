-- The first of a person is the address to write to: the one that was revealed, or else the one that
-- the person was looked up by, of the lead that was seen first.
with

people as (

    select * from {{ ref('stg_amplemarket__people') }}

),

leads as (

    select * from {{ ref('stg_amplemarket__leads') }}

),

results as (

    select * from {{ ref('stg_amplemarket__enrichment_results') }}

),

addresses as (

    select
        person_id,
        email,
        'revealed' as email_source,
        0 as preference,
        enriched_at as known_at,
        person_id as tie
    from people
    where email is not null

    union all

    select
        results.person_id,
        leads.email,
        'input' as email_source,
        1 as preference,
        leads.first_seen_at as known_at,
        leads.lead_id as tie
    from results
    inner join leads
        on
            results.kind = leads.kind
            and results.lead_key = leads.lead_key
    where
        results.kind = 'people'
        and results.person_id is not null
        and leads.email is not null

),

final as (

    select
        person_id,
        email,
        email_source,
        row_number() over (
            partition by person_id
            order by preference, known_at, tie
        ) as email_rank
    from addresses

)

select * from final
