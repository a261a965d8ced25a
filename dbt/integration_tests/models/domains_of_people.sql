-- A mart of this project's own, from its own history.
{{ config(materialized='table') }}

select
    {{ dbt.split_part('best_email', "'@'", 2) }} as domain,
    count(*) as person_count,
    min(best_email) as an_address
from {{ ref('people_ever_seen') }}
group by 1
