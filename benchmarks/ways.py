"""Four ways from the API's pages to DuckDB tables, each a child process of its own.

``ours``   leads to merged tables: ``amplemarket run people leads.csv``
``plain``  what a user would write today: requests, yield the dicts, ``merge``, dlt's defaults
``tuned``  the same with parquet, two normalise workers and file rotation
``floor``  fetch the pages, then DuckDB's own ``read_json`` and ``unnest``; it neither types by
           contract, merges nor records anything

All read the same people from the same server. Run as ``python -m benchmarks.ways WAY URL PEOPLE
FOLDER``; prints the rows of each table as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.command import KEY, leads, run_people, write_leads

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

BATCH = 2_500  # the command's default
CHILDREN = ("experiences", "educations", "languages", "phone_numbers")
COMPANY_CHILDREN = ("locations", "sic_codes", "naics_codes", "keywords", "technologies")


def ours(url: str, count: int, folder: Path) -> dict[str, int]:
    write_leads(folder / "leads.csv", count)
    document = run_people(url, folder, "--requests-per-minute", "600000")
    names = ["people", *(f"people__{name}" for name in CHILDREN), "companies"]
    names += [f"companies__{name}" for name in COMPANY_CHILDREN]
    return {name: document["tables"][name] for name in names}


def plain(url: str, count: int, folder: Path) -> dict[str, int]:
    import dlt

    @dlt.resource(name="people", primary_key="id", write_disposition="merge")
    def people() -> Iterator[list[dict[str, Any]]]:
        for page in pages(url, list(leads(count))):
            rows = json.loads(page)["results"]
            yield [row["result"] for row in rows if row["status"] == "enriched"]

    pipeline = dlt.pipeline(
        "plain",
        destination=dlt.destinations.duckdb(str(folder / "plain.duckdb")),
        dataset_name="plain_data",
        pipelines_dir=str(folder / "pipelines"),
    )
    file_format: Any = "parquet" if os.environ.get("NORMALIZE__WORKERS") else None
    pipeline.run(people, loader_file_format=file_format)
    # The company stays inside its person: as many company rows as people.
    names = {"people": "people"} | {f"people__{name}": f"people__{name}" for name in CHILDREN}
    return _counted(folder / "plain.duckdb", "plain_data", names)


def tuned(url: str, count: int, folder: Path) -> dict[str, int]:
    os.environ["NORMALIZE__WORKERS"] = "2"
    os.environ["SOURCES__DATA_WRITER__FILE_MAX_ITEMS"] = "10000"
    return plain(url, count, folder)


def floor(url: str, count: int, folder: Path) -> dict[str, int]:
    import duckdb

    source = folder / "pages.json"
    with source.open("wb") as file:
        for page in pages(url, list(leads(count))):
            file.write(page + b"\n")
    connection = duckdb.connect(str(folder / "floor.duckdb"))
    connection.execute(
        "CREATE TEMP TABLE found AS SELECT unnest(results).result AS r FROM "
        f"read_json('{source}', format = 'newline_delimited', maximum_object_size = 100000000)"
    )
    nested = ", ".join((*CHILDREN, "company"))
    connection.execute(
        f"CREATE TABLE people AS SELECT * EXCLUDE ({nested}), company.id AS company_id "
        "FROM (SELECT unnest(r) FROM found)"
    )
    for name in CHILDREN:
        connection.execute(
            f"CREATE TABLE people__{name} AS SELECT id, unnest(item) FROM "
            f"(SELECT r.id AS id, unnest(r.{name}) AS item FROM found)"
        )
    connection.execute(
        "CREATE TEMP TABLE firms AS SELECT DISTINCT ON (c.id) c FROM "
        "(SELECT r.company AS c FROM found)"
    )
    nested = ", ".join((*COMPANY_CHILDREN, "department_headcount", "job_function_headcount"))
    connection.execute(
        f"CREATE TABLE companies AS SELECT * EXCLUDE ({nested}) FROM (SELECT unnest(c) FROM firms)"
    )
    connection.execute(
        "CREATE TABLE companies__locations AS SELECT id, unnest(item) FROM "
        "(SELECT c.id AS id, unnest(c.locations) AS item FROM firms)"
    )
    for name in COMPANY_CHILDREN[1:]:
        connection.execute(
            f"CREATE TABLE companies__{name} AS SELECT c.id AS id, unnest(c.{name}) AS value "
            "FROM firms"
        )
    connection.close()
    names = ["people", *(f"people__{name}" for name in CHILDREN), "companies"]
    names += [f"companies__{name}" for name in COMPANY_CHILDREN]
    return _counted(folder / "floor.duckdb", "main", dict(zip(names, names, strict=True)))


def pages(url: str, everyone: list[dict[str, str]]) -> Iterator[bytes]:
    """Submit, poll and page with requests, as the guide's example does (api-notes: polling)."""
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"
    for start in range(0, len(everyone), BATCH):
        body = {"leads": everyone[start : start + BATCH], "reveal_phone_numbers": True}
        answer = session.post(f"{url}/people/enrichment-requests", json=body)
        answer.raise_for_status()
        link = answer.json()["_links"]["self"]["href"]
        while link:
            answer = session.get(url + link)
            answer.raise_for_status()
            # Only the envelope's end is looked at, so that no way pays for parsing twice.
            if b'"status":"completed"' not in answer.content[:200]:
                continue
            yield answer.content
            link = _next(answer.content)


def _next(page: bytes) -> str:
    links = json.loads(page[page.rindex(b'"_links":') + len(b'"_links":') :].rstrip(b"}") + b"}}")
    return str(links.get("next", {}).get("href", ""))


def _counted(file: Path, dataset: str, names: dict[str, str]) -> dict[str, int]:
    import duckdb

    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {dataset}.{table}").fetchall()[0][0]
            for name, table in names.items()
        }


WAYS = {way.__name__: way for way in (ours, plain, tuned, floor)}

if __name__ == "__main__":
    way, url, count, folder = sys.argv[1:]
    print(json.dumps({"rows": WAYS[way](url, int(count), Path(folder))}))
