"""Where a destination keeps its tables: named in every output, looked at before it is opened.

A DuckDB file is opened by a library that takes almost anything for one: a text file becomes a
database in memory that is gone when the run ends, and what was bought with it. So the file, or the
folder it is to be made in, is looked at first (api-notes: duckdb-any-file).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import Destination

from amplemarket_source.errors import SettingsError

__all__ = ["Place", "configured_place", "described", "place_of"]

_MAGIC_AT, _MAGIC = 8, b"DUCK"
_OTHERS = {b"SQLite format 3\x00": "it is a SQLite database", b"PAR1": "it is a Parquet file"}


@dataclass(frozen=True)
class Place:
    """Where a destination is.

    Attributes:
        text: for a person, without user and password: ``duckdb:////data/amplemarket.duckdb``,
            ``postgres://db.example:5432/crm``.
        file: the file, where it is a DuckDB database in one.
    """

    text: str
    file: Path | None = None

    @property
    def is_missing(self) -> bool:
        """Whether there is no database yet; False where only the server knows."""
        try:
            return self.file is not None and not self.file.exists()
        except OSError:
            return False  # whoever uses it says what is wrong

    def refuse_unusable(self) -> None:
        """Return if the file is a DuckDB database that can be written, or can be made.

        Raises:
            SettingsError: it is or can not; the file stays as it is.
        """
        if self.file is None:
            return
        if "?" in str(self.file):
            raise _unusable(self.file, "DuckDB cannot work below a folder with a ? in its name")
        try:
            if self.file.exists():
                _refuse_other_file(self.file)
            else:
                _refuse_other_folder(self.file)
        except OSError as error:
            why = (error.strerror or "no reason given").lower()
            raise _unusable(self.file, f"the system says {why}") from None


def place_of(pipeline: dlt.Pipeline) -> Place:
    """Where the tables of ``pipeline`` are.

    Raises:
        dlt's own errors, where the destination lacks its settings or its driver.
    """
    return _place(pipeline.destination_client().config)


def described(pipeline: dlt.Pipeline) -> str:
    """The database and the dataset, as a message names them.

    Example::

        described(pipeline)    # "duckdb:////data/amplemarket.duckdb, dataset amplemarket_data"
    """
    return f"{place_of(pipeline).text}, dataset {pipeline.dataset_name}"


def configured_place(destination: Destination[Any, Any], dataset_name: str) -> Place:
    """The same without a pipeline, of which dlt would make a folder.

    What is not configured, or not installed, is left out: the text is then the kind alone.
    """
    name = destination.destination_type.rpartition(".")[2]
    try:
        config: Any = destination.spec()
        config._bind_dataset_name(dataset_name)
        return _place(destination.configuration(config, accept_partial=True))
    except Exception:
        # Whatever is wrong with it, opening it says so; this only names it.
        return Place(name)


def _place(config: Any) -> Place:
    name, credentials = config.destination_type, config.credentials
    database = getattr(credentials, "database", None)
    if name == "duckdb" and database and not database.startswith(":"):
        file = Path(database).absolute()
        return Place(f"duckdb:///{file}", file)
    where = getattr(credentials, "project_id", None) or getattr(credentials, "host", None)
    if where is None:
        return Place(name)
    port = getattr(credentials, "port", None)
    text = f"{name}://{where}" + (f":{port}" if port else "")
    return Place(text + (f"/{database}" if database else ""))


def _refuse_other_file(file: Path) -> None:
    if not file.is_file():
        raise _unusable(file, "it is a folder" if file.is_dir() else "it is no ordinary file")
    with file.open("r+b") as opened:
        start = opened.read(16)
    if start[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC:
        return
    other = next((what for magic, what in _OTHERS.items() if start.startswith(magic)), "")
    what = other or ("it is something else" if start else "it is empty")
    raise _unusable(file, f"{what} and no DuckDB database, and is left as it is")


def _refuse_other_folder(file: Path) -> None:
    folder = file.parent
    if not folder.is_dir():
        raise _unusable(file, f"there is no folder {folder}")
    # Tried for real: permissions do not tell of a file system that is read-only.
    with tempfile.TemporaryFile(dir=folder):
        pass


def _unusable(file: Path, why: str) -> SettingsError:
    return SettingsError(f"The tables cannot be in {file}: {why}. Name another file.")
