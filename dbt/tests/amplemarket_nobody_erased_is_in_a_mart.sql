-- By the hash that the erasure left. Asked of every mart that names a person.
with

named as (

    select person_id from {{ ref('amplemarket__people') }}

    union all

    select person_id from {{ ref('amplemarket__leads') }}

    union all

    select person_id from {{ ref('amplemarket__person_positions') }}

    union all

    select person_id from {{ ref('amplemarket__job_changes') }}
    {%- if var('amplemarket__workspace_enabled', false) %}

        union all

        select person_id from {{ ref('amplemarket__excluded_leads') }}
    {%- endif %}

)

select named.person_id
from named
inner join {{ ref('amplemarket__erased_people') }} as erased
    on {{ amplemarket_person_key('named.person_id') }} = erased.person_key
