{#-
  The columns of a relation as a select list: those that are there, and typed nulls for the others.

  dlt adds a column when its first value arrives, and a table made by an older version of the loader
  lacks what came since. A model that names such a column would fail; with this it is null.

  Arguments:
    relation: where the columns are.
    columns: what each is taken for, by name: string, bigint, boolean, float or timestamp. What is
      text or true and false is made so, since a field that the API does not document has the type of
      its first value.
    more: names of further columns, taken as they are.
-#}
{%- macro amplemarket_columns(relation, columns, more=[]) -%}
    {%- set there = {} -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do there.update({column.name | lower: column}) -%}
        {%- endfor -%}
        {%- if not there -%}
            {{ exceptions.raise_compiler_error(
                "There is no table " ~ relation ~ ". Set the variables amplemarket_schema and "
                ~ "amplemarket_database to the dlt dataset that amplemarket loads into."
            ) }}
        {%- endif -%}
    {%- endif -%}
    {%- for name, data_type in columns.items() -%}
        {%- if not loop.first %},
        {% endif -%}
        {%- if name not in there -%}
            cast(null as {{ amplemarket.amplemarket_type(data_type) }})
        {%- elif data_type == "string" and not amplemarket.amplemarket_is(there[name], "string") -%}
            cast({{ adapter.quote(there[name].name) }} as {{ dbt.type_string() }})
        {%- elif data_type == "boolean" and not amplemarket.amplemarket_is(there[name], "boolean") -%}
            lower(cast({{ adapter.quote(there[name].name) }} as {{ dbt.type_string() }})) in ('true', '1')
        {%- else -%}
            {{ adapter.quote(there[name].name) }}
        {%- endif %} as {{ amplemarket.amplemarket_alias(name) }}
    {%- endfor -%}
    {%- for name in more -%},
        {{ adapter.quote(there[name | lower].name) if name | lower in there else name }} as {{ name }}
    {%- endfor -%}
{%- endmacro -%}

{#-
  A select of a table that is there once the loader has read its stream: of no rows, where it has not.

  Arguments:
    relation, columns: as above.
    loads: the loader's own table of loads, which tells a table that is missing from a schema that is.
-#}
{%- macro amplemarket_partial(relation, columns, loads) -%}
    {%- if not execute or amplemarket.amplemarket_exists(relation) -%}
    select
        {{ amplemarket.amplemarket_columns(relation, columns) }}
    from {{ relation }}
    {%- elif amplemarket.amplemarket_exists(loads) -%}
    select
        {% for name, data_type in columns.items() -%}
        cast(null as {{ amplemarket.amplemarket_type(data_type) }}) as {{ amplemarket.amplemarket_alias(name) }}
        {%- if not loop.last %},
        {% endif -%}
        {%- endfor %}
    limit 0
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "There is no table " ~ relation ~ ", and none of loads beside it. Set the variables "
            ~ "amplemarket_workspace_schema and amplemarket_workspace_database to the dlt dataset "
            ~ "that amplemarket sync loads into, or amplemarket__workspace_enabled to false."
        ) }}
    {%- endif -%}
{%- endmacro -%}

{%- macro amplemarket_exists(relation) -%}
    {{ return(adapter.get_relation(relation.database, relation.schema, relation.identifier) is not none) }}
{%- endmacro -%}

{#- A column's name, quoted where it is a word of SQL's. -#}
{%- macro amplemarket_alias(name) -%}
    {{ return(adapter.quote(name) if name in ("from", "to") else name) }}
{%- endmacro -%}

{#- Whether a column of the database is text, or true and false. -#}
{%- macro amplemarket_is(column, data_type) -%}
    {%- set names = {
        "string": ["string", "text", "varchar", "character varying", "char", "character"],
        "boolean": ["boolean", "bool"],
    } -%}
    {{ return(column.dtype | lower in names[data_type]) }}
{%- endmacro -%}
