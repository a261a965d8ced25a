"""The folder on this machine that belongs to a destination: journal, pages and lock.

It stands beside dlt's own working folders and not inside one: dlt wipes those when the dataset
is missing at the destination, and a journal of purchases must outlive that. It is found by the
destination and not by the pipeline's name: a pipeline that is pointed elsewhere finds nothing of
the other destination, and two pipelines with one destination share what they know of its purchases.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import dlt

__all__ = ["WorkingFolder"]


class WorkingFolder:
    """``<pipelines_dir>/.amplemarket/<dataset>-<hash of the destination>``, for its user alone.

    Attributes:
        destination: the hash.
        journal: the instants around each POST (`amplemarket_source.journal`).
        spool: pages that are not loaded yet (`amplemarket_source.pages`).
        workbench: the leads of the run that is going on (`amplemarket_source.workbench`).
        lock: held by the run that is going on.
    """

    def __init__(self, folder: Path, destination: str) -> None:
        self.destination = destination
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.journal = folder / "journal.jsonl"
        self.spool = folder / "spool"
        self.workbench = folder / "workbench"
        self.lock = folder / "lock"

    @classmethod
    def of(cls, pipeline: dlt.Pipeline) -> WorkingFolder:
        """The folder that belongs to the destination and dataset of ``pipeline``.

        Raises:
            Exception: whatever dlt raises of a destination that is not configured.
        """
        place = _place(pipeline)
        destination = hashlib.sha256("\n".join(place).encode()).hexdigest()[:32]
        parent = Path(pipeline.pipelines_dir) / ".amplemarket"
        folder = parent / f"{pipeline.dataset_name}-{destination[:12]}"
        # Until now it was called after the pipeline.
        former = parent / pipeline.pipeline_name
        if former.is_dir() and not folder.exists():
            former.rename(folder)
        return cls(folder, destination)


def _place(pipeline: dlt.Pipeline) -> tuple[str, ...]:
    """What tells the destination and dataset of a pipeline from all others; no secret."""
    config: Any = pipeline.destination_client().config
    credentials = config.credentials
    database = str(getattr(credentials, "database", None) or "")
    if config.destination_type.endswith("duckdb") and database != ":memory:":
        database = str(Path(database).absolute())
    return (
        config.destination_type.rpartition(".")[2],
        config.fingerprint(),
        str(getattr(credentials, "host", None) or ""),
        str(getattr(credentials, "port", None) or ""),
        str(getattr(credentials, "project_id", None) or ""),
        database,
        str(pipeline.dataset_name),
    )
