{#-
  The key under which a person is erased: what stands in `erasures.erasure_key`. The first 32 digits
  of the SHA-256 of the word person, a record separator, and the person's id.
-#}
{%- macro amplemarket_person_key(column) -%}
    {{ return(adapter.dispatch("amplemarket_person_key", "amplemarket")(column)) }}
{%- endmacro -%}

{%- macro default__amplemarket_person_key(column) -%}
    substr(sha256('person' || chr(30) || {{ column }}), 1, 32)
{%- endmacro -%}

{%- macro postgres__amplemarket_person_key(column) -%}
    substr(encode(sha256(convert_to('person' || chr(30) || {{ column }}, 'UTF8')), 'hex'), 1, 32)
{%- endmacro -%}

{%- macro snowflake__amplemarket_person_key(column) -%}
    substr(sha2('person' || chr(30) || {{ column }}, 256), 1, 32)
{%- endmacro -%}

{%- macro bigquery__amplemarket_person_key(column) -%}
    substr(to_hex(sha256('person' || chr(30) || {{ column }})), 1, 32)
{%- endmacro -%}

{#-
  Deletes the erased from a table of your own: a snapshot, an incremental model, whatever is not made
  anew by each build. As its post-hook:

    {{ config(post_hook="{{ amplemarket.amplemarket_erase(this, 'person_id') }}") }}

  By the hash that the erasure left, never by "is not among the people any more": a source that is
  empty or half loaded must not empty a history.

  Arguments:
    relation: the table, `this` in a hook.
    column: the one that holds the id of the person.
-#}
{%- macro amplemarket_erase(relation, column) -%}
    delete from {{ relation }}
    where {{ amplemarket.amplemarket_person_key(column) }} in (
        select erased.person_key
        from {{ ref("amplemarket", "amplemarket__erased_people") }} as erased
        where erased.person_key is not null
    )
{%- endmacro -%}
