# /// script
# requires-python = ">=3.10"
# dependencies = ["marimo>=0.14", "altair>=5", "dlt-source-amplemarket"]
# ///
"""The figures of `amplemarket report` to dig in, as a marimo notebook; no person is among them.

    uvx marimo run --sandbox pipelines/marimo_report.py      # or: marimo edit --sandbox ...

The environment says which tables: AMPLEMARKET_DESTINATION (a whole path, since marimo may work in
the notebook's folder: duckdb:////data/amplemarket.duckdb) and AMPLEMARKET_DATASET.
"""

import marimo

app = marimo.App(width="medium", app_title="Amplemarket enrichment")


@app.cell
def _():
    import os

    import altair as alt
    import dlt
    import marimo as mo

    from amplemarket_source import figures
    from amplemarket_source.destination import duckdb

    return alt, dlt, duckdb, figures, mo, os


@app.cell
def _(dlt, duckdb, figures, os):
    name = os.environ.get("AMPLEMARKET_DESTINATION", "duckdb:///amplemarket.duckdb")
    file = name.removeprefix("duckdb:///")
    pipeline = dlt.pipeline(
        "amplemarket",
        destination=duckdb(file) if file != name else name,
        dataset_name=os.environ.get("AMPLEMARKET_DATASET", "amplemarket_data"),
    )
    found = figures(pipeline)
    return (found,)


@app.cell
def _(found, mo):
    labels = sorted({request.label or "no label" for request in found.requests})
    unit = mo.ui.radio(["day", "week", "month"], value="week", label="by", inline=True)
    label = mo.ui.multiselect(labels, value=labels, label="label")
    mo.vstack(
        [
            mo.md(f"# Amplemarket enrichment\nDataset `{found.dataset}` on {found.destination}"),
            mo.callout(
                f"{len(found.needs_a_person)} requests wait for a decision: amplemarket status",
                kind="warn" if found.needs_a_person else "neutral",
            ),
            mo.hstack([unit, label], justify="start"),
        ]
    )
    return label, unit


@app.cell
def _(alt, found, label, mo, unit):
    lines = [
        {
            "period": at.date().isoformat(),
            "label": name or "no label",
            "sort": sort,
            "credits": amount,
        }
        for (at, name), spent in found.statement(unit.value).items()
        if (name or "no label") in label.value
        for sort, amount in (("e-mail", spent.email_credits), ("phone", spent.phone_credits))
    ]
    chart = (
        alt.Chart(alt.Data(values=lines))
        .mark_bar()
        .encode(
            x=alt.X("period:O", title=None),
            y=alt.Y("sum(credits):Q", title="credits"),
            color=alt.Color("label:N", title=None),
            tooltip=["period:O", "label:N", "sort:N", "credits:Q"],
        )
        .properties(width="container", height=260)
    )
    mo.ui.altair_chart(chart) if lines else mo.md("Nothing was spent.")
    return


@app.cell
def _(found, mo):
    matched = [
        {
            "kind": kind,
            "known": known or "not known any more",
            "leads": sum(counts.values()),
            "found": counts.get("enriched", 0),
            "share": round(counts.get("enriched", 0) / sum(counts.values()), 3),
        }
        for kind in ("people", "companies")
        for known, counts in found.leads_by_input(kind).items()
    ]
    mo.vstack([mo.md("## Found, by what was known"), mo.ui.table(matched, selection=None)])
    return


@app.cell
def _(found, mo):
    requests = [
        {
            "request": one.request_key,
            "sent": one.submitted_at,
            "kind": one.kind,
            "label": one.label,
            "state": one.status,
            "leads": one.lead_count,
            "found": one.enriched_count,
            "e-mail credits": one.email_credits_estimated,
            "phone credits": one.phone_credits_estimated,
        }
        for one in found.requests
    ]
    mo.vstack([mo.md("## Requests"), mo.ui.table(requests, selection=None)])
    return


if __name__ == "__main__":
    app.run()
