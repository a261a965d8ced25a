{{ config(materialized='view') }}

-- A view, so that whatever deletes by it sees the erasure of a minute ago. Somebody who was erased
-- for the age of the answers may be bought again, and is not erased then.
with

erasures as (

    select
        erasure_key as person_key,
        erased_at,
        reason
    from {{ ref('stg_amplemarket__erasures') }}
    where key_of = 'person'

),

people as (

    select {{ amplemarket_person_key('person_id') }} as person_key
    from {{ ref('stg_amplemarket__people') }}

),

-- Where a version of the loader that had no table of erasures kept them.
suppressed as (

    select
        lead_key as person_key,
        erased_at,
        cast(null as {{ dbt.type_string() }}) as reason
    from {{ ref('stg_amplemarket__enrichment_results') }}
    where
        kind = 'people'
        and status = 'gdpr_removed'
        and lead_key not in (
            select known.erasure_key from {{ ref('stg_amplemarket__erasures') }} as known
        )

),

final as (

    select
        erasures.person_key,
        erasures.erased_at,
        erasures.reason
    from erasures
    left join people
        on erasures.person_key = people.person_key
    where
        erasures.reason <> 'retention'
        or people.person_key is null

    union all

    select
        person_key,
        erased_at,
        reason
    from suppressed

)

select * from final
