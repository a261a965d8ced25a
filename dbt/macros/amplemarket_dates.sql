{#-
  The point in time that a column has, in UTC and without a zone (BigQuery: as it is, it has none).

  A cast would give each reader the time of their own session's zone, silently.
-#}
{%- macro amplemarket_utc(column) -%}
    {{ return(adapter.dispatch("amplemarket_utc", "amplemarket")(column)) }}
{%- endmacro -%}

{%- macro default__amplemarket_utc(column) -%}
    {{ column }} at time zone 'UTC'
{%- endmacro -%}

{%- macro snowflake__amplemarket_utc(column) -%}
    cast(convert_timezone('UTC', {{ column }}) as timestamp_ntz)
{%- endmacro -%}

{%- macro bigquery__amplemarket_utc(column) -%}
    {{ column }}
{%- endmacro -%}

{#-
  The date that a text says: 2020, 2020-04, 2020-04-17, or longer ones that start so. Null for any
  other text. A year is its first of January, a month its first day: what is not said is not later.
-#}
{%- macro amplemarket_date(column) -%}
    {{ return(adapter.dispatch("amplemarket_date", "amplemarket")(column)) }}
{%- endmacro -%}

{%- macro default__amplemarket_date(column) -%}
    {{ dbt.safe_cast(amplemarket.amplemarket_whole_date(column), "date") }}
{%- endmacro -%}

{#- PostgreSQL has no cast that gives null, so that the days of the month are counted. -#}
{%- macro postgres__amplemarket_date(column) -%}
    {%- set whole = amplemarket.amplemarket_whole_date(column) -%}
    case
        when {{ whole }} ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'
            and {{ whole }} !~ '^0000'
            then case
                when cast(substr({{ whole }}, 9, 2) as integer)
                    <= extract(day from cast(substr({{ whole }}, 1, 7) || '-01' as date)
                        + interval '1 month' - interval '1 day')
                    then cast(substr({{ whole }}, 1, 7) || '-01' as date)
                        + cast(substr({{ whole }}, 9, 2) as integer) - 1
            end
    end
{%- endmacro -%}

{%- macro amplemarket_whole_date(column) -%}
    case length({{ column }})
        when 4 then {{ column }} || '-01-01'
        when 7 then {{ column }} || '-01'
        else substr({{ column }}, 1, 10)
    end
{%- endmacro -%}
