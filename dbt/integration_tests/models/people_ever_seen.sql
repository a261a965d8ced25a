-- A history of this project's own: whoever was seen once stays, unless they were erased.
{{ config(
    materialized='incremental',
    unique_key='person_id',
    incremental_strategy='merge' if target.type == 'bigquery' else 'delete+insert',
    post_hook="{{ amplemarket.amplemarket_erase(this, 'person_id') }}",
) }}

select
    person_id,
    full_name,
    best_email,
    enriched_at
from {{ ref('amplemarket', 'amplemarket__people') }}
{% if is_incremental() %}
    where enriched_at > (select max(seen.enriched_at) from {{ this }} as seen)
{% endif %}
