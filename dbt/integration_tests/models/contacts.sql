-- What the CRM reads: a view on a mart of the package.
{{ config(materialized='view') }}

select
    external_id,
    outcome,
    person_id,
    full_name,
    best_email
from {{ ref('amplemarket', 'amplemarket__leads') }}
where kind = 'people'
