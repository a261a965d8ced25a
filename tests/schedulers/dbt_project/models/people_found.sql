{{ config(materialized="table") }}

select count(*) as found
from {{ source("amplemarket", "people") }}
