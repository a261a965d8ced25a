-- A position ends where the next one starts, and the latest has no end.
with

positions as (

    select
        person_id,
        position_number,
        seen_from,
        seen_to,
        lead(seen_from) over (
            partition by person_id
            order by position_number
        ) as next_seen_from
    from {{ ref('amplemarket__person_positions') }}

)

select *
from positions
where
    (seen_to is null) <> (next_seen_from is null)
    or seen_to <> next_seen_from
    or seen_to < seen_from
