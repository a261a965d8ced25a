-- Without the original, which may say who somebody is: that is in stg_amplemarket__rejects.
with

rejects as (

    select * from {{ ref('stg_amplemarket__rejects') }}

),

final as (

    select
        reject_id,
        stage,
        reason,
        source as input_source,
        line as input_line,
        external_id,
        lead_key,
        entity_id,
        request_key,
        first_rejected_at,
        rejected_at
    from rejects

)

select * from final
