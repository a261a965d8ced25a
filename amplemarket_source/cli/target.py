"""Which tables a command works on: the options that name them, and the pipeline they describe."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt
from dlt.common.destination import Destination
from dlt.common.exceptions import DltException
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.pipeline.exceptions import InvalidPipelineName

from amplemarket_source.destination import bigquery, duckdb, postgres, snowflake
from amplemarket_source.errors import SettingsError, how_to_install
from amplemarket_source.warehouse.place import Place, configured_place

__all__ = ["DATASET", "ENRICHMENT", "PIPELINE", "WORKSPACE", "Names", "Target"]

_DUCKDB = "duckdb:///"
_OURS: dict[str, type[Destination[Any, Any]]] = {
    "duckdb": duckdb,
    "postgres": postgres,
    "snowflake": snowflake,
    "bigquery": bigquery,
}
"""In place of dlt's of the same names."""


@dataclass(frozen=True)
class Names:
    """What a command calls dataset and pipeline where nobody says otherwise.

    Attributes:
        of_file: what the name of a pipeline has that the name of its DuckDB file has not: the
            workspace is kept in the file of the enrichment beside it.
    """

    dataset: str
    pipeline: str
    of_file: str = ""

    @property
    def apart(self) -> Names:
        """Those of invented people."""
        return Names(
            self.dataset.replace("amplemarket", "amplemarket_sandbox"),
            self.pipeline.replace("amplemarket", "amplemarket_sandbox"),
            self.of_file,
        )


ENRICHMENT = Names("amplemarket_data", "amplemarket")
WORKSPACE = Names("amplemarket_workspace", "amplemarket_workspace", "_workspace")
DATASET, PIPELINE = ENRICHMENT.dataset, ENRICHMENT.pipeline


@dataclass(frozen=True)
class Target:
    """Where the tables are, in dlt's words."""

    destination: str
    dataset: str
    pipeline_name: str
    pipelines_dir: str | None
    names: Names = ENRICHMENT

    def pipeline(self) -> dlt.Pipeline:
        """The pipeline; its database is not opened yet.

        Raises:
            SettingsError: dlt knows no such destination, its driver is not installed, or its
                DuckDB file can not be one.
        """
        file = self._duckdb_file()
        if file is not None:
            # Before dlt makes its folder beside it.
            Place(str(file), file).refuse_unusable()
        return self._pipeline(self.pipelines_dir or _beside(file))

    @contextmanager
    def looking(self) -> Iterator[dlt.Pipeline]:
        """The pipeline for a command that creates nothing.

        Where there is no DuckDB file yet, dlt's working folder is one that is gone afterwards.

        Raises:
            SettingsError: as `pipeline`.
        """
        if not self.place().is_missing:
            yield self.pipeline()
            return
        with TemporaryDirectory(prefix="amplemarket-", ignore_cleanup_errors=True) as folder:
            yield self._pipeline(folder)

    def place(self) -> Place:
        """Where the tables are, as far as the settings say."""
        file = self._duckdb_file()
        if file is not None:
            return Place(f"{_DUCKDB}{file}", file)
        try:
            return configured_place(self._destination(), self.dataset)
        except (DltException, ImportError):
            return Place(self.destination)

    def where(self) -> str:
        """The database and the dataset, for a person."""
        return f"{self.place().text}, dataset {self.dataset}"

    def describe(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "destination": self.place().text,
            "dataset": self.dataset,
            "pipeline_name": self.pipeline_name,
        }

    def apart(self) -> Target:
        """Names of their own for invented people, where none are given.

        Mixed into the real tables they would be taken for customers, and the bundled server's
        request numbers for the vendor's.
        """
        usual, apart = self.names, self.names.apart
        return replace(
            self,
            dataset=apart.dataset if self.dataset == usual.dataset else self.dataset,
            pipeline_name=(
                apart.pipeline if self.pipeline_name == usual.pipeline else self.pipeline_name
            ),
        )

    def arguments(self) -> str:
        """What to add to another command so that it works on the same tables; with a space."""
        defaults = Target("duckdb", self.names.dataset, self.names.pipeline, None)
        given = [
            f"--{name.replace('_', '-')} {getattr(self, name)}"
            for name in ("destination", "dataset", "pipeline_name", "pipelines_dir")
            if getattr(self, name) != getattr(defaults, name)
        ]
        return "".join(f" {text}" for text in given)

    def _pipeline(self, folder: str | None) -> dlt.Pipeline:
        self._refuse_names()
        place: dict[str, Any] = {"pipelines_dir": folder} if folder else {}
        try:
            pipeline: dlt.Pipeline = dlt.pipeline(
                self.pipeline_name,
                destination=self._destination(),
                dataset_name=self.dataset,
                **place,
            )
        except InvalidPipelineName as error:
            raise SettingsError(
                f"--pipeline-name {self.pipeline_name} can be no name of a pipeline: use letters, "
                "digits, _ and -."
            ) from error
        except ImportError as error:
            raise SettingsError(
                f"Destination {self.destination} needs packages that are not installed: "
                + how_to_install(f"dlt[{self.destination}]")
            ) from error
        except DltException as error:
            raise SettingsError(
                f"dlt cannot set up destination {self.destination}. Names it takes: duckdb, "
                "bigquery, snowflake, postgres, or duckdb:///file.duckdb."
            ) from error
        except OSError as error:
            where = f"in {folder}" if folder else "in its own folder"
            raise SettingsError(
                f"dlt cannot work {where} ({(error.strerror or 'no reason given').lower()}): "
                "give another --pipelines-dir."
            ) from error
        return pipeline

    def _destination(self) -> Destination[Any, Any]:
        file = self._duckdb_file()
        if file is not None:
            return duckdb(str(file))
        if self.destination in _OURS:
            return _OURS[self.destination]()
        named: Destination[Any, Any] | None = Destination.from_reference(self.destination)
        assert named is not None  # noqa: S101 - a reference that is none raises
        return named

    def _duckdb_file(self) -> Path | None:
        """The DuckDB file, where it is this command's to say which; else dlt resolves it."""
        if self.destination.startswith(_DUCKDB):
            file = Path(self.destination.removeprefix(_DUCKDB))
        elif self.destination == "duckdb" and not _is_configured("destination.duckdb.credentials"):
            file = Path(f"{self.pipeline_name.removesuffix(self.names.of_file)}.duckdb")
        else:
            return None
        return file.absolute()

    def _refuse_names(self) -> None:
        file = self._duckdb_file()
        if file is None:
            return
        if file.name == ":memory:":
            raise SettingsError(
                "A database in memory would be gone with the command, and what was bought with "
                "it: name a file, such as duckdb:///amplemarket.duckdb."
            )


def _beside(file: Path | None) -> str | None:
    """dlt's working folder for a DuckDB file.

    dlt keeps one for each pipeline name, whatever the folder one works in, and remembers in it the
    folder of the first run (api-notes: dlt-working-folder). Two projects with the default names
    would get into each other's tables, and into the journal of each other's purchases.
    """
    if file is None or os.environ.get("DLT_DATA_DIR") or _is_configured("pipelines_dir"):
        return None
    if "%" in str(file):
        # dlt can do nothing in there (api-notes: dlt-file-names).
        name = hashlib.sha256(str(file).encode()).hexdigest()[:16]
        return str(Path(get_dlt_pipelines_dir()).parent / "amplemarket" / name)
    return str(file.parent / ".dlt" / ".var" / "pipelines")


def _is_configured(key: str) -> bool:
    return any(provider.get(key) is not None for provider in (dlt.config, dlt.secrets))
