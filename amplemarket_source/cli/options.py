"""The options that commands share, and the pipeline they describe."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click
import dlt
from dlt.common.exceptions import DltException, MissingDependencyException

from amplemarket_source.cli.output import Output
from amplemarket_source.destination import duckdb
from amplemarket_source.errors import SettingsError

__all__ = ["Target", "given_settings", "setting_options", "target_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_DUCKDB = "duckdb:///"
_DATASET = "amplemarket_data"
_PIPELINE = "amplemarket"


@dataclass(frozen=True)
class Target:
    """Where the tables are, in dlt's words."""

    destination: str
    dataset: str
    pipeline_name: str
    pipelines_dir: str | None

    def pipeline(self) -> dlt.Pipeline:
        """The pipeline; nothing is opened yet.

        Raises:
            SettingsError: dlt knows no such destination, or its driver is not installed.
        """
        file = self._duckdb_file()
        folder = self.pipelines_dir or _beside(file)
        place: dict[str, Any] = {"pipelines_dir": folder} if folder else {}
        try:
            pipeline: dlt.Pipeline = dlt.pipeline(
                self.pipeline_name,
                destination=self._destination(file),
                dataset_name=self.dataset,
                **place,
            )
        except MissingDependencyException:
            raise SettingsError(
                f"Destination {self.destination!r} is not installed: "
                f"pip install 'dlt-source-amplemarket[{self.destination}]'."
            ) from None
        except (DltException, ImportError) as error:
            raise SettingsError(
                f"dlt cannot set up destination {self.destination!r} ({type(error).__name__}). "
                "Names it takes: duckdb, bigquery, snowflake, postgres, or duckdb:///file.duckdb."
            ) from error
        return pipeline

    def _destination(self, file: Path | None) -> Any:
        if file is not None:
            return duckdb(str(file))
        return duckdb() if self.destination == "duckdb" else self.destination

    def describe(self) -> dict[str, Any]:
        """For ``--json``."""
        file = self._duckdb_file()
        return {
            "destination": f"{_DUCKDB}{file}" if file else self.destination,
            "dataset": self.dataset,
            "pipeline_name": self.pipeline_name,
        }

    def apart(self) -> Target:
        """Names of their own for invented people, where none are given.

        Mixed into the real tables they would be taken for customers, and the bundled server's
        request numbers for the vendor's.
        """
        return replace(
            self,
            dataset="amplemarket_sandbox_data" if self.dataset == _DATASET else self.dataset,
            pipeline_name=(
                "amplemarket_sandbox" if self.pipeline_name == _PIPELINE else self.pipeline_name
            ),
        )

    def arguments(self) -> str:
        """What to add to another command so that it works on the same tables; with a space."""
        defaults = Target("duckdb", _DATASET, _PIPELINE, None)
        given = [
            f"--{name.replace('_', '-')} {getattr(self, name)}"
            for name in ("destination", "dataset", "pipeline_name", "pipelines_dir")
            if getattr(self, name) != getattr(defaults, name)
        ]
        return "".join(f" {text}" for text in given)

    def _duckdb_file(self) -> Path | None:
        """The DuckDB file, where it is this command's to say which; else dlt resolves it."""
        if self.destination.startswith(_DUCKDB):
            file = Path(self.destination.removeprefix(_DUCKDB))
        elif self.destination == "duckdb" and not _is_configured("destination.duckdb.credentials"):
            file = Path(f"{self.pipeline_name}.duckdb")
        else:
            return None
        if file.stem == self.dataset:
            # DuckDB would take the name for the catalogue's and find no table
            # (api-notes: duckdb-name-clash).
            raise SettingsError(
                f"The DuckDB file {file.name} and the dataset have the same name; "
                "give another --dataset or --pipeline-name."
            )
        return file.absolute()


def _beside(file: Path | None) -> str | None:
    """dlt's working folder for a DuckDB file.

    dlt keeps one for each pipeline name, whatever the folder one works in, and remembers in it the
    folder of the first run (api-notes: dlt-working-folder). Two projects with the default names
    would get into each other's tables, and into the journal of each other's purchases.
    """
    if file is None or os.environ.get("DLT_DATA_DIR") or _is_configured("pipelines_dir"):
        return None
    return str(file.parent / ".dlt" / ".var" / "pipelines")


def _is_configured(key: str) -> bool:
    return any(provider.get(key) is not None for provider in (dlt.config, dlt.secrets))


def target_options(command: _Command) -> _Command:
    """Adds ``--json``, ``--quiet`` and dlt's names; passes ``output`` and ``target``."""

    @click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
    @click.option("--quiet", is_flag=True, help="No progress on standard error.")
    @click.option(
        "--destination",
        default="duckdb",
        show_default=True,
        help="dlt's name of it (duckdb, bigquery, snowflake, postgres ...), "
        "or duckdb:///file.duckdb.",
    )
    @click.option("--dataset", default=_DATASET, show_default=True)
    @click.option("--pipeline-name", default=_PIPELINE, show_default=True)
    @click.option(
        "--pipelines-dir",
        help="dlt's working folder.  "
        "[default: .dlt/.var/pipelines beside a DuckDB file, else dlt's own]",
    )
    @functools.wraps(command)
    def wrapped(
        as_json: bool,
        quiet: bool,
        destination: str,
        dataset: str,
        pipeline_name: str,
        pipelines_dir: str | None,
        **others: Any,
    ) -> Any:
        return command(
            output=Output(as_json=as_json, quiet=quiet),
            target=Target(destination, dataset, pipeline_name, pipelines_dir),
            **others,
        )

    return wrapped  # type: ignore[return-value]


_SETTINGS: dict[str, dict[str, Any]] = {
    "reveal_email": {"is_flag": True, "help": "1 email credit for each address."},
    "reveal_phone_numbers": {"is_flag": True, "help": "1 phone credit for each person."},
    "refresh_after": {
        "metavar": "AGE",
        "help": "Buy an enriched lead again when it is older (30d, 12h, 0s).  [default: never]",
    },
    "retry_not_found_after": {
        "metavar": "AGE",
        "help": "Ask again for a miss when it is older.  [default: 30d]",
    },
    "max_credits": {
        "type": float,
        "metavar": "N",
        "help": "Buy no more leads than it pays for at the worst case.",
    },
    "max_credits_per": {
        "type": click.Choice(["run", "day", "month"]),
        "help": "What --max-credits holds for (UTC).  [default: run]",
    },
    "leads_per_request": {"type": int, "metavar": "N", "help": "At most 10000."},
    "max_requests_in_flight": {"type": int, "metavar": "N"},
    "requests_per_minute": {"type": float, "metavar": "N", "help": "[default: 500]"},
    "base_url": {"metavar": "URL", "help": "Of the API."},
    "poll_timeout": {
        "metavar": "AGE",
        "help": "Then the run ends, and the next one goes on.  [default: 1h]",
    },
    "on_ambiguous": {
        "type": click.Choice(["hold", "resubmit"]),
        "help": "A request of which nobody knows whether it arrived.  [default: hold]",
    },
    "schema_contract": {
        "type": click.Choice(["evolve", "freeze", "discard_row", "discard_value"]),
        "help": "What to do with new columns.  [default: evolve]",
    },
}
"""The options of settings, with what click is to know of each."""


def setting_options(command: _Command) -> _Command:
    """Adds the settings that make sense on a command line; the key is never one of them."""
    for name, attributes in reversed(_SETTINGS.items()):
        words = name.replace("_", "-")
        switch = f"--{words}/--no-{words}" if attributes.get("is_flag") else f"--{words}"
        command = click.option(switch, name, default=None, **attributes)(command)
    return command


def given_settings(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the settings out of a command's options; None is one that was not given."""
    return {name: options.pop(name) for name in _SETTINGS}
