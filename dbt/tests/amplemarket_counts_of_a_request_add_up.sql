-- Of a request that the API has finished and whose answers are loaded.
select
    request_key,
    lead_count,
    enriched_count,
    not_found_count,
    gdpr_removed_count,
    unanswered_count
from {{ ref('amplemarket__requests') }}
where
    status = 'completed'
    and loaded_at is not null
    and lead_count <> coalesce(enriched_count, 0) + coalesce(not_found_count, 0)
    + coalesce(gdpr_removed_count, 0) + coalesce(unanswered_count, 0)
