{% snapshot people_snapshot %}
    {{ config(
        unique_key='person_id',
        strategy='check',
        check_cols=['title', 'company_id'],
        post_hook="{{ amplemarket.amplemarket_erase(this, 'person_id') }}",
    ) }}

    select
        person_id,
        full_name,
        best_email,
        title,
        company_id
    from {{ ref('amplemarket', 'amplemarket__people') }}
{% endsnapshot %}
