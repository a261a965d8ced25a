"""Whatever holds the leads, the same leads come out."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import duckdb
import fsspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from amplemarket_source.kinds import COMPANIES, PEOPLE
from amplemarket_source.leads.databases import query_leads
from amplemarket_source.leads.intake import Intake, ingest
from amplemarket_source.workbench import Workbench

from .conftest import SEEN_AT

LEADS: list[dict[str, Any]] = [
    {"Email": "jane@acme.example", "linkedin_id": None, " NAME ": "Jane, Doe", "external_id": 7},
    {"Email": None, "linkedin_id": "jürgen-groß", " NAME ": 'Jürgen "J" Groß', "external_id": 8},
    {"Email": "王@例え.example", "linkedin_id": None, " NAME ": "王\n小明", "external_id": None},
    {"Email": "broken", "linkedin_id": None, " NAME ": "🦊", "external_id": 9},
    {"Email": "JANE@acme.example", "linkedin_id": None, " NAME ": "jane,  doe", "external_id": 10},
]
LEADS = [{**lead, "Notes": "n"} for lead in LEADS]
EXPECTED = Intake(read=5, invalid=1, duplicate=1, unique=3, ignored_columns=("Notes",))


def arrow() -> pa.Table:
    return pa.Table.from_pylist(LEADS)


def csv_bytes(delimiter: str = ",") -> bytes:
    sink = io.BytesIO()
    options = pa.csv.WriteOptions(delimiter=delimiter, quoting_style="all_valid")
    pa.csv.write_csv(arrow(), sink, options)
    return sink.getvalue()


def jsonl_bytes() -> bytes:
    return "".join(json.dumps(lead) + "\n" for lead in LEADS).encode()


def parquet_bytes() -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(arrow(), sink)
    return sink.getvalue()


def written(name: str, content: Callable[[], bytes]) -> Callable[[Path], Any]:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(content())
        return str(folder / name)

    return write


def in_memory_url(_: Path) -> str:
    with fsspec.open("memory://bucket/leads.csv", "wb") as file:
        file.write(csv_bytes())
    return "memory://bucket/leads.csv"


def duckdb_query(folder: Path) -> Any:
    with duckdb.connect(folder / "crm.duckdb") as connection:
        leads = arrow()
        connection.register("leads", leads)
        connection.execute("CREATE TABLE contacts AS FROM leads")
    return query_leads("SELECT * FROM contacts", f"duckdb:///{folder}/crm.duckdb")


def sqlite_query(folder: Path) -> Any:
    pytest.importorskip("sqlalchemy")
    with sqlite3.connect(folder / "crm.db") as connection:
        columns = ", ".join(f'"{name}"' for name in LEADS[0])
        connection.execute(f"CREATE TABLE contacts ({columns})")
        connection.executemany(
            "INSERT INTO contacts VALUES (?, ?, ?, ?, ?)", [tuple(lead.values()) for lead in LEADS]
        )
    connection.close()
    sql = "SELECT * FROM contacts WHERE ':x' LIKE '%x'"
    return query_leads(sql, f"sqlite:///{folder}/crm.db")


def relation(folder: Path) -> Any:
    pipeline = dlt.pipeline(
        "crm",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "crm_file.duckdb")),
        dataset_name="crm",
    )
    pipeline.run(arrow(), table_name="contacts")
    return pipeline.dataset().table("contacts")


def a_resource(items: Callable[[], Iterator[Any]]) -> Callable[[Path], Any]:
    return lambda _: dlt.resource(items, name="contacts")


def mixed() -> Iterator[Any]:
    yield LEADS[0]
    yield arrow().slice(1, 2)
    yield LEADS[3:]


INPUTS: dict[str, Callable[[Path], Any]] = {
    "csv": written("a.csv", csv_bytes),
    "csv as path": lambda folder: Path(written("a.csv", csv_bytes)(folder)),
    "csv with brackets in the name": written("a[1]*.csv", csv_bytes),
    "csv from Excel": written("a.csv", lambda: b"\xef\xbb\xbf" + csv_bytes(";")),
    "csv with tabs": written("a.CSV", lambda: csv_bytes("\t")),
    "csv with blank lines": written("a.csv", lambda: b"\n\n" + csv_bytes() + b"\n  \n"),
    "csv packed": written("a.csv.gz", lambda: gzip.compress(csv_bytes())),
    "jsonl": written("a.jsonl", jsonl_bytes),
    "jsonl with CRLF": written("a.ndjson", lambda: jsonl_bytes().replace(b"\n", b"\r\n\r\n")),
    "jsonl without last line end": written("a.jsonl", lambda: jsonl_bytes().rstrip()),
    "jsonl packed": written("a.jsonl.gz", lambda: gzip.compress(jsonl_bytes())),
    "parquet": written("a.parquet", parquet_bytes),
    "URL": in_memory_url,
    "list": lambda _: LEADS,
    "generator": lambda _: (lead for lead in LEADS),
    "read-only mappings": lambda _: [types.MappingProxyType(lead) for lead in LEADS],
    "Arrow table": lambda _: arrow(),
    "Arrow batch": lambda _: arrow().combine_chunks().to_batches()[0],
    "Arrow reader": lambda _: arrow().to_reader(max_chunksize=2),
    "Arrow of another library": lambda _: duckdb.from_arrow(arrow()),
    "resource of rows": a_resource(lambda: iter(LEADS)),
    "resource of pages": a_resource(lambda: iter([LEADS[:3], LEADS[3:]])),
    "resource of tables": a_resource(lambda: iter([arrow()])),
    "mixed items": lambda _: mixed(),
    "duckdb query": duckdb_query,
    "sqlite query": sqlite_query,
}


@pytest.mark.parametrize("make", INPUTS.values(), ids=INPUTS.keys())
def test_every_input_gives_the_same_tables(
    make: Callable[[Path], Any],
    tmp_path: Path,
    intake: Callable[..., Intake],
    rows: Callable[..., list[tuple[Any, ...]]],
) -> None:
    taken = intake(make(tmp_path))
    assert taken == EXPECTED
    assert rows("leads", "external_id, kind, email, linkedin_url, name, position") == [
        ("7", "people", "jane@acme.example", None, "Jane, Doe", 0),
        ("8", "people", None, "jürgen-groß", 'Jürgen "J" Groß', 1),
        (None, "people", "王@例え.example", None, "王\n小明", 2),
        ("10", "people", "JANE@acme.example", None, "jane,  doe", 4),
    ]
    assert rows("leads_to_ask", "email, linkedin_url, position") == [
        ("jane@acme.example", None, 0),
        (None, "jürgen-groß", 1),
        ("王@例え.example", None, 2),
    ]
    [(stage, reason, line, external_id, lead_key, raw, position)] = rows(
        "lead_rejects", "stage, reason, line, external_id, lead_key, raw, position"
    )
    assert (stage, reason, external_id) == ("lead", "email_malformed", "9")
    assert (lead_key, position) == (None, 3)
    assert line > 3
    row = {key.strip().lower(): str(value) for key, value in json.loads(raw).items()}
    assert row.pop("notes") == "n"
    given = {name: value for name, value in row.items() if value != "None"}
    assert given == {"email": "broken", "name": "🦊", "external_id": "9"}


def test_a_dlt_relation_is_an_input(tmp_path: Path, intake: Callable[..., Intake]) -> None:
    # dlt's own naming changes " NAME " and adds columns, so the columns to ignore differ.
    taken = intake(relation(tmp_path))
    assert (taken.read, taken.invalid, taken.duplicate, taken.unique) == (5, 1, 1, 3)


@pytest.mark.parametrize("content", [csv_bytes, jsonl_bytes, lambda: b"\xef\xbb\xbf" + csv_bytes()])
def test_standard_input_is_csv_or_json_lines_by_its_first_character(
    content: Callable[[], bytes], intake: Callable[..., Intake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content())))
    assert intake("-") == EXPECTED


def test_companies_have_their_own_columns(intake: Callable[..., Intake], tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text("domain;linkedin_url;external_id;email\nacme.example;;1;x\n;;2;y\n")
    taken = intake(path, COMPANIES)
    assert taken == Intake(read=2, invalid=1, duplicate=0, unique=1, ignored_columns=("email",))
    assert taken.columns == {
        "domain": ["domain"],
        "linkedin_url": ["linkedin_url"],
        "external_id": ["external_id"],
    }


def test_values_of_any_type_are_text(
    intake: Callable[..., Intake], rows: Callable[..., list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    email = "jane@acme.example"
    ids = [7, 12345678901234567890123, 1.5, True, "007", " a b ", "NA", "\ud800", ""]
    intake([{"email": email, "external_id": value} for value in ids])
    assert [row[0] for row in rows("leads", "external_id")] == [
        *(
            "7",
            "12345678901234567890123",
            "1.5",
            "true",
            "007",
            " a b ",
            "NA",
            "\ufffd\ufffd\ufffd",
            None,
        )
    ]
    with Workbench(tmp_path / "other") as work:
        path = tmp_path / "ids.jsonl"
        path.write_text(
            "".join(json.dumps({"email": email, "external_id": x}) + "\n" for x in ids[:-2])
        )
        ingest(work, path, PEOPLE, seen_at=SEEN_AT)
        again = work.rows("SELECT external_id FROM leads ORDER BY position")
    assert again == rows("leads", "external_id")[:-2]


def test_a_row_longer_than_a_block_is_read_and_no_row_twice(
    intake: Callable[..., Intake], tmp_path: Path, rows: Callable[..., list[tuple[Any, ...]]]
) -> None:
    path = tmp_path / "leads.csv"
    with path.open("w") as file:
        file.write("email,notes\n")
        for number in range(60_000):
            notes = "long " * 120_000 if number == 40_000 else "short"
            file.write(f'p{number}@acme.example,"{notes}"\n')
    assert intake(path).unique == 60_000
    assert rows("leads", "email")[59_999] == ("p59999@acme.example",)
    in_order = rows("leads", "position = replace(split_part(email, '@', 1), 'p', '')::BIGINT")
    assert set(in_order) == {(True,)}
