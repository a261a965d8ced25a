{#- The columns are a key: none is null but those of `nullable`, and no two rows have the same values. -#}
{% test unique_together(model, columns, nullable=[]) %}
{%- set key = columns | join(", ") %}

    select
        {{ key }},
        count(*) as rows_found
    from {{ model }}
    group by {{ key }}
    having count(*) > 1
    {%- for column in columns if column not in nullable %}
        or {{ column }} is null
    {%- endfor %}

{% endtest %}
