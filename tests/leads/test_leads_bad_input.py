"""Bad input: one sentence that names the file, the line and the column, and nothing is kept."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from amplemarket_source.errors import InputError, SettingsError
from amplemarket_source.headers import ColumnMap
from amplemarket_source.kinds import COMPANIES, PEOPLE
from amplemarket_source.leads.databases import query_leads
from amplemarket_source.leads.intake import Intake
from amplemarket_source.leads.read import read_leads

_NOBODY = 65534
"""A user to be where the tests run as root, who may read everything."""
EMAILS = b"email,name\n" + b"jane@acme.example,Jane\n" * 3
UTF8_ADVICE = "Save it as UTF-8 (in Excel: 'CSV UTF-8'), or say --encoding (cp1252, latin-1)."
QUOTE_ADVICE = 'Inside double quotes, write a double quote twice ("").'
OBJECT_ADVICE = 'Each line is one object, such as {"email": "jane@acme.example"}.'
ITEM_JSON_ADVICE = 'Each item is one object, such as {"email": "jane@acme.example"}.'
USABLE = (
    "Usable are email, linkedin_url, linkedin_id, company_domain, company_name, name, first_name, "
    "last_name, title."
)


def a_list_column() -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table({"email": [["jane@acme.example"]]}), sink)
    return sink.getvalue()


FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "a.csv: the file is empty."),
    "only a byte order mark": ("a.csv", b"\xef\xbb\xbf", "a.csv: the file is empty."),
    "empty jsonl": ("a.jsonl", b"\n\n", "a.jsonl: there are no leads in it."),
    "header only": ("a.csv", b"email,name\n", "a.csv: there are no leads in it."),
    "no usable column": (
        "a.csv",
        b"external_id,e-mail notes,phone\n1,a,b\n",
        "a.csv: no usable column: found external_id, e-mail notes, phone. "
        f'{USABLE} Perhaps: --map "e-mail notes=email"',
    ),
    "no usable key": (
        "a.jsonl",
        b'{"phone": "jane@acme.example"}\n',
        f"a.jsonl: no usable column: found phone. {USABLE}",
    ),
    "a column twice": (
        "a.csv",
        b"email,name,Email \na,b,c\n",
        "a.csv, column 'email': the column is there twice. Rename or remove one of the two.",
    ),
    "not UTF-8": (
        "a.csv",
        EMAILS + b"j@acme.example,J\xfcrgen\n",
        f"a.csv, line 5: bytes that are not UTF-8. {UTF8_ADVICE}",
    ),
    "not UTF-8 at the end": (
        "a.csv",
        EMAILS + b"j@acme.example,J\xc3",
        f"a.csv, line 5: bytes that are not UTF-8. {UTF8_ADVICE}",
    ),
    "not UTF-8 far down": (
        "a.csv",
        b"email\n" + b"jane@acme.example\n" * 100_000 + b"\xff\n",
        f"a.csv, line 100002: bytes that are not UTF-8. {UTF8_ADVICE}",
    ),
    "not UTF-8 in jsonl": (
        "a.jsonl",
        b'{"email": "jane@acme.example"}\n{"name": "\xfc"}\n',
        f"a.jsonl, line 2: bytes that are not UTF-8. {UTF8_ADVICE}",
    ),
    "UTF-16 without a mark": (
        "a.csv",
        "email\n\u00fc@acme.example\n".encode("utf-16-le"),
        f"a.csv, line 2: bytes that are not UTF-8. {UTF8_ADVICE}",
    ),
    "UTF-16 cut in half": (
        "a.csv",
        EMAILS.decode().encode("utf-16")[:-1],
        f"a.csv, line 4: bytes that are not UTF-16-LE. {UTF8_ADVICE}",
    ),
    "two that could be one": (
        "a.csv",
        b"Work Email,Business Email\na,b\n",
        "a.csv: 'Work Email' and 'Business Email' could both be the email. Say which: "
        '--map "Work Email=email" or --map "Business Email=email".',
    ),
    "one that could be two": (
        "a.csv",
        b"Name,URL\na,b\n",
        "a.csv: 'URL' could be the linkedin_url or the company_domain. Say which: "
        '--map "URL=linkedin_url" or --map "URL=company_domain".',
    ),
    "a quote never closed": (
        "a.csv",
        EMAILS + b'b@acme.example,"Jane\n' + EMAILS,
        "a.csv, line 5: a quote that is opened and never closed, or closed in the middle of a "
        f"value. {QUOTE_ADVICE}",
    ),
    "not JSON": (
        "a.jsonl",
        b'{"email": "jane@acme.example"}\n\n{"email": \n',
        f"a.jsonl, line 3: not JSON. {OBJECT_ADVICE}",
    ),
    "JSON, but no object": (
        "a.jsonl",
        b'{"email": "jane@acme.example"}\n["jane@acme.example"]\n',
        f"a.jsonl, line 2: JSON, but not an object. {OBJECT_ADVICE}",
    ),
    "not JSON far down": (
        "a.jsonl",
        b'{"email": "jane@acme.example"}\n' * 100_000 + b"{\n",
        f"a.jsonl, line 100001: not JSON. {OBJECT_ADVICE}",
    ),
    "not parquet": (
        "a.parquet",
        EMAILS,
        "a.parquet: not a parquet file, or a damaged one.",
    ),
    "parquet damaged": (
        "a.parquet",
        a_list_column()[:8] + bytes(60) + a_list_column()[68:],
        "a.parquet: not a parquet file, or a damaged one.",
    ),
    "parquet with lists": (
        "a.parquet",
        a_list_column(),
        "a.parquet, column 'email': the column holds list<element: string>, not text.",
    ),
    "not gzip": ("a.csv.gz", EMAILS, "a.csv.gz: not a gzip file, as its name says it is."),
    "gzip cut off": (
        "a.csv.gz",
        gzip.compress(EMAILS)[:-8],
        "a.csv.gz: the gzip file is damaged or cut off.",
    ),
    "not JSON at all": ("a.json", b"email", f"a.json: not JSON, item 1. {ITEM_JSON_ADVICE}"),
    "a list that is cut off": (
        "a.json",
        b'[{"email": "jane@acme.example"}, {"email": ',
        f"a.json: not JSON, item 2. {ITEM_JSON_ADVICE}",
    ),
    "a list with more than objects": (
        "a.json",
        b'[{"email": "jane@acme.example"}, 7]',
        f"a.json: JSON, but not an object, item 2. {ITEM_JSON_ADVICE}",
    ),
    "not a workbook": (
        "a.xlsx",
        EMAILS,
        "a.xlsx: not an Excel workbook (.xlsx), or a damaged one.",
    ),
    "unknown suffix": (
        "a.xls",
        EMAILS,
        "a.xls: the file's suffix does not say what it holds. Known are .csv, .tsv, .txt, "
        ".jsonl, .ndjson, .json, .parquet, .xlsx, and .gz after the text ones.",
    ),
}


@pytest.fixture(autouse=True)
def in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("name", "content", "sentence"), FILES.values(), ids=FILES.keys())
def test_a_bad_file_is_refused_in_one_sentence_and_nothing_of_it_is_kept(
    name: str,
    content: bytes,
    sentence: str,
    intake: Callable[..., Intake],
    rows: Callable[..., list[tuple[Any, ...]]],
    tmp_path: Path,
) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        intake(name)
    assert str(caught.value) == sentence
    assert caught.value.exit_code == 2
    assert rows("leads") == rows("leads_to_ask") == rows("lead_rejects") == []
    assert not list((tmp_path / "run").glob("intake-*"))


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("missing.csv", "missing.csv: there is no such file."),
        ("folder", "folder: this is a directory. Name a file in it."),
        ("folder.csv", "folder.csv: this is a directory. Name a file in it."),
        ("memory://me:secret@b/x.csv?signature=secret", "memory://b/x.csv: there is no such file."),
        ("nope://b/x.csv", "nope://b/x.csv: no installed package reads this kind of address."),
    ],
)
def test_a_path_that_leads_nowhere_says_so_and_no_secret_of_it(
    path: str, sentence: str, intake: Callable[..., Intake]
) -> None:
    Path("folder").mkdir()
    Path("folder.csv").mkdir()
    with pytest.raises(InputError) as caught:
        intake(path)
    assert str(caught.value) == sentence


def test_an_unreadable_file_says_so(intake: Callable[..., Intake]) -> None:
    Path("a.csv").write_bytes(EMAILS)
    intake("a.csv")  # so that nothing is left to import
    Path("a.csv").chmod(0o000)
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        with pytest.raises(InputError, match=r"^a\.csv: no permission to read the file\.$"):
            list(read_leads("a.csv", PEOPLE))
    finally:
        os.seteuid(user)


ITEM_ADVICE = 'Each item is a mapping, such as {"email": "jane@acme.example"}.'
OBJECTS: dict[str, tuple[Any, str]] = {
    "an item that is no mapping": (
        [{"email": "jane@acme.example"}, "jane@acme.example"],
        f"leads: item 1 is of type str, not a mapping. {ITEM_ADVICE}",
    ),
    "an empty list": ([], "leads: there are no leads in it."),
    "an empty table": (pa.table({"email": []}), "leads: there are no leads in it."),
    "one mapping": (
        {"email": "jane@acme.example"},
        "leads: dict is not a list of leads. "
        "Give a path, a list of mappings, an Arrow table, or a dlt resource.",
    ),
    "a number": (
        7,
        "leads: int is not a list of leads. "
        "Give a path, a list of mappings, an Arrow table, or a dlt resource.",
    ),
    "bytes": (
        pa.table({"email": pa.array([b"\xff"])}),
        "leads, column 'email': the column's binary values are not text.",
    ),
}


@pytest.mark.parametrize(("source", "sentence"), OBJECTS.values(), ids=OBJECTS.keys())
def test_a_bad_object_is_refused_in_one_sentence(
    source: Any, sentence: str, intake: Callable[..., Intake]
) -> None:
    with pytest.raises(InputError) as caught:
        intake(source)
    assert str(caught.value) == sentence


def test_companies_are_told_the_columns_of_companies(intake: Callable[..., Intake]) -> None:
    with pytest.raises(InputError, match="Usable are domain, linkedin_url"):
        intake([{"email": "jane@acme.example"}], COMPANIES)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"mail": "Mail"}, "there is no column 'mail'"),
        ({"email": " "}, "email needs the name of a column"),
    ],
)
def test_a_column_map_that_means_nothing_is_a_wrong_setting(
    columns: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        ColumnMap(columns)


def test_a_mapped_column_that_is_not_there_is_named_with_those_that_are() -> None:
    Path("a.csv").write_bytes(EMAILS)
    with pytest.raises(InputError) as caught:
        list(read_leads("a.csv", PEOPLE, ColumnMap({"email": "Courriel"})))
    assert str(caught.value) == (
        "a.csv: there is no column 'Courriel'. Its columns are email, name."
    )


@pytest.mark.parametrize("kept", [("Name",), ("_dlt_id",), ("Owner", "owner")])
def test_a_kept_column_may_not_be_called_like_another(kept: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="keep_columns"):
        ColumnMap({}, kept)


def test_an_encoding_that_nobody_knows_is_named() -> None:
    Path("a.csv").write_bytes(EMAILS)
    for encoding in ("klingon", "hex"):
        with pytest.raises(InputError, match=f"there is no encoding '{encoding}'"):
            read_leads("a.csv", PEOPLE, encoding=encoding)


def test_an_error_in_the_users_own_iterable_stays_theirs(intake: Callable[..., Intake]) -> None:
    def leads() -> Any:
        yield {"email": "jane@acme.example"}
        raise LookupError("theirs")

    with pytest.raises(LookupError, match="theirs"):
        intake(leads())


def test_no_error_quotes_a_row(intake: Callable[..., Intake]) -> None:
    Path("a.csv").write_bytes(EMAILS + b'jane@acme.example,"Jane,Doe\n')
    with pytest.raises(InputError) as caught:
        intake("a.csv")
    assert "jane" not in str(caught.value).lower()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("sql", "url", "sentence"),
    [
        ("SELECT 1", "crm.duckdb", r"query: this is not the address of a database\."),
        ("SELECT 1", "duckdb:///nope.duckdb", r"duckdb:///nope\.duckdb: the query failed: .+\."),
        ("SELECT 1", "sqlite:///nope.db", r"sqlite:///nope\.db: there is no such file\."),
        ("SELECT * FROM x", "duckdb:///crm.duckdb", r"duckdb.*Table with name x does not exist!\."),
        ("SELECT 'jane@acme.example'::INT", "duckdb:///crm.duckdb", r"duckdb:.*\(\w+\)\."),
        ("CREATE TABLE t (i INT)", "duckdb:///crm.duckdb", r"duckdb:.*\(\w+\)\."),
        ("SELECT * FROM x", "sqlite:///crm.db", r"sqlite:.*the query failed: no such table: x\."),
        ("SELECT 1 AS phone", "sqlite:///crm.db", r"sqlite:.*no usable column: found phone\."),
        ("SELECT 1", "nosuch://u:secret@h/d?password=secret", r"nosuch://h/d: the query failed.*"),
    ],
)
def test_a_query_that_fails_says_why_and_no_value(
    sql: str, url: str, sentence: str, intake: Callable[..., Intake]
) -> None:
    if not url.startswith("duckdb"):
        pytest.importorskip("sqlalchemy")
    duckdb.connect("crm.duckdb").close()
    Path("crm.db").touch()
    with pytest.raises(InputError, match=f"^{sentence}") as caught:
        intake(query_leads(sql, url))
    assert "jane" not in str(caught.value)
    assert "secret" not in str(caught.value)
