"""The folder on this machine where a pipeline keeps its journal, its pages and its lock.

It stands beside dlt's own working folders and not inside one: dlt wipes those when the dataset
is missing at the destination, and a journal of purchases must outlive that.
"""

from __future__ import annotations

from pathlib import Path

import dlt

__all__ = ["WorkDir"]


class WorkDir:
    """``<pipelines_dir>/.amplemarket/<pipeline name>``, readable by its user alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    @classmethod
    def of(cls, pipeline: dlt.Pipeline) -> WorkDir:
        """The folder that belongs to ``pipeline``."""
        return cls(Path(pipeline.pipelines_dir) / ".amplemarket" / pipeline.pipeline_name)

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def workbench(self) -> Path:
        return self.folder / "workbench"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def owner(self) -> Path:
        return self.folder / "owner"
