select *
from {{ ref('amplemarket__job_changes') }}
where not (is_company_change or is_title_change)
