-- Whoever is written to is looked up by the address in lower case. Two spellings of it that only the
-- loader tells from each other are two verdicts; the newest counts.
with

validations as (

    select * from {{ ref('stg_amplemarket__email_validations') }}

),

final as (

    select
        lower(email) as normal_email,
        email_result,
        is_catch_all,
        enriched_at as validated_at,
        row_number() over (
            partition by lower(email)
            order by enriched_at desc, lead_key
        ) as verdict_rank
    from validations
    where email is not null

)

select * from final
