{#- The database's name of a type: string, bigint, boolean, float or timestamp (with a zone). -#}
{%- macro amplemarket_type(data_type) -%}
    {%- if data_type == "string" -%} {{ dbt.type_string() }}
    {%- elif data_type == "bigint" -%} {{ dbt.type_bigint() }}
    {%- elif data_type == "boolean" -%} {{ dbt.type_boolean() }}
    {%- elif data_type == "float" -%} {{ amplemarket.amplemarket_float() }}
    {%- elif data_type == "timestamp" -%}
        {{ "timestamp" if target.type == "bigquery" else
           "timestamp_tz" if target.type == "snowflake" else "timestamp with time zone" }}
    {%- endif -%}
{%- endmacro -%}

{#- A float of 64 bits, which DuckDB does not mean by the word. -#}
{%- macro amplemarket_float() -%}
    {{ "double" if target.type == "duckdb" else dbt.type_float() }}
{%- endmacro -%}

{#-
  A share as a float: null where there is nothing to take it of.

  Example: {{ amplemarket_ratio("enriched_count", "lead_count") }}
-#}
{%- macro amplemarket_ratio(part, whole) -%}
    cast({{ part }} as {{ amplemarket.amplemarket_float() }})
    / nullif(cast({{ whole }} as {{ amplemarket.amplemarket_float() }}), 0)
{%- endmacro -%}

{#-
  An aggregate as a whole number: sums of whole numbers are wider on DuckDB and PostgreSQL, and a
  contract tells the difference.
-#}
{%- macro amplemarket_count(aggregate) -%}
    cast({{ aggregate }} as {{ dbt.type_bigint() }})
{%- endmacro -%}

{#-
  The domain that a URL, a host or a domain is of: without scheme, `www.`, port, path and case.

  Example: {{ amplemarket_domain("company_website") }}
-#}
{%- macro amplemarket_domain(column) -%}
    regexp_replace(
        regexp_replace(lower(trim({{ column }})), '^([a-z]+://)?(www[.])?', ''), '[/:?#].*$', ''
    )
{%- endmacro -%}
