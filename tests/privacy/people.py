"""Rows of answers as an API could give them, and a search for what is left of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from amplemarket_source.sandbox import Fault
from tests.support.deployment import Deployment

__all__ = ["answers", "files_with", "mentions", "row"]


def row(status: str = "enriched", person: dict[str, Any] | None = None, **echo: str) -> Any:
    """A row of ``results``; its id is made of what it echoes."""
    number = abs(hash(tuple(echo.items()))) % 10_000
    return {"id": number, "status": status, "result": person, **echo}


def answers(deployment: Deployment, *rows: Any) -> None:
    """Whatever is asked for from now on, these rows are answered."""
    deployment.sandbox.set_faults(Fault("page_set", {"results": list(rows)}))


def mentions(deployment: Deployment, *texts: str) -> set[str]:
    """Where one of the texts is: tables of any schema, and files of the deployment."""
    wanted = [text.lower() for text in texts]
    found = set()
    with duckdb.connect(str(deployment.folder / "warehouse.duckdb")) as database:
        tables = database.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        for schema, table in tables:
            content = repr(database.table(f'"{schema}"."{table}"').fetchall()).lower()
            found |= {f"{schema}.{table}: {text}" for text in wanted if text in content}
        database.execute("FORCE CHECKPOINT")
    return found | {
        f"{path.relative_to(deployment.folder)}: {text}"
        for path, text in files_with(deployment.folder, *wanted)
    }


def files_with(folder: Path, *texts: str) -> set[tuple[Path, str]]:
    """Files below ``folder`` that hold one of the texts, with the text, in lower case."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = _unpacked(path).lower()
            found |= {(path, text) for text in texts if text.encode() in content}
    return found


def _unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".zst":
        size = int.from_bytes(content[:8], "big")
        content += pa.Codec("zstd").decompress(content[8:], size, asbytes=True)
    if path.suffix == ".parquet":
        content += repr(pq.read_table(path).to_pylist()).encode()
    return content
