"""The folder on this machine where a pipeline keeps its journal, its pages and its lock.

It stands beside dlt's own working folders and not inside one: dlt wipes those when the dataset
is missing at the destination, and a journal of purchases must outlive that.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import dlt

__all__ = ["WorkingFolder"]


class WorkingFolder:
    """``<pipelines_dir>/.amplemarket/<pipeline name>``, readable by its user alone.

    Attributes:
        journal: the instants around each POST (`amplemarket_source.journal`).
        spool: pages that are not loaded yet (`amplemarket_source.pages`).
        workbench: the leads of the run that is going on (`amplemarket_source.workbench`).
        lock: held by the run that is going on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.journal = folder / "journal.jsonl"
        self.spool = folder / "spool"
        self.workbench = folder / "workbench"
        self.lock = folder / "lock"

    @classmethod
    def of(cls, pipeline: dlt.Pipeline) -> WorkingFolder:
        """The folder that belongs to ``pipeline``."""
        return cls(Path(pipeline.pipelines_dir) / ".amplemarket" / pipeline.pipeline_name)

    def owner(self) -> str:
        """A name for every run that works in this folder; the same for all of them."""
        file = self.folder / "owner"
        if not file.exists():
            file.write_text(uuid4().hex)
        return file.read_text().strip()
