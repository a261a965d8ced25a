{{ config(enabled=var('amplemarket__workspace_enabled', false)) }}

-- Of the ways in which a lead meets an address or a domain that is excluded, the most direct one.
-- Whoever was erased has no address any more and meets none.
with

leads as (

    select * from {{ ref('stg_amplemarket__leads') }}

),

outcomes as (

    select * from {{ ref('amplemarket__leads') }}

),

people as (

    select * from {{ ref('stg_amplemarket__people') }}

),

addresses as (

    select
        lead_id,
        lower(trim(email)) as email,
        'input_email' as matched_by,
        1 as preference
    from leads
    where email is not null

    union all

    select
        outcomes.lead_id,
        lower(trim(people.email)) as email,
        'revealed_email' as matched_by,
        2 as preference
    from outcomes
    inner join people
        on outcomes.person_id = people.person_id
    where people.email is not null

),

identifiers as (

    select
        lead_id,
        'email' as exclusion_type,
        email as identifier,
        matched_by,
        preference
    from addresses

    union all

    select
        lead_id,
        'domain' as exclusion_type,
        {{ amplemarket_domain('coalesce(company_domain, domain)') }} as identifier,
        'input_domain' as matched_by,
        0 as preference
    from leads
    where coalesce(company_domain, domain) is not null

    union all

    select
        lead_id,
        'domain' as exclusion_type,
        {{ dbt.split_part('email', "'@'", 2) }} as identifier,
        matched_by,
        preference
    from addresses

    union all

    select
        lead_id,
        'domain' as exclusion_type,
        {{ amplemarket_domain('company_website') }} as identifier,
        'company_website' as matched_by,
        3 as preference
    from outcomes
    where company_website is not null

),

exclusions as (

    select
        'email' as exclusion_type,
        lower(trim(email)) as identifier,
        exclusion_source,
        excluded_reason,
        excluded_at
    from {{ ref('stg_amplemarket_workspace__excluded_emails') }}
    where deleted_at is null

    union all

    select
        'domain' as exclusion_type,
        {{ amplemarket_domain('domain') }} as identifier,
        exclusion_source,
        excluded_reason,
        excluded_at
    from {{ ref('stg_amplemarket_workspace__excluded_domains') }}
    where deleted_at is null

),

matched as (

    select
        identifiers.lead_id,
        identifiers.exclusion_type,
        identifiers.identifier,
        identifiers.matched_by,
        exclusions.exclusion_source,
        exclusions.excluded_reason,
        exclusions.excluded_at,
        row_number() over (
            partition by identifiers.lead_id, identifiers.exclusion_type
            order by
                identifiers.preference,
                case when exclusions.excluded_at is null then 1 else 0 end,
                exclusions.excluded_at,
                identifiers.identifier
        ) as match_rank
    from identifiers
    inner join exclusions
        on
            identifiers.exclusion_type = exclusions.exclusion_type
            and identifiers.identifier = exclusions.identifier

),

final as (

    select
        matched.lead_id,
        matched.exclusion_type,
        matched.identifier as excluded_value,
        matched.matched_by,
        matched.exclusion_source,
        matched.excluded_reason,
        matched.excluded_at,
        outcomes.external_id,
        outcomes.kind,
        outcomes.outcome,
        outcomes.person_id,
        outcomes.company_id,
        outcomes.enriched_at
    from matched
    inner join outcomes
        on matched.lead_id = outcomes.lead_id
    where matched.match_rank = 1

)

select * from final
