"""Virtual environments of the tests: made once, with pip alone, inside the project's own.

For what does not fit beside dlt: an emulator that wants another sqlglot, DuckDB or Python, a
scheduler with its two hundred packages. The folder ``.venv`` keeps them from git.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import filelock
import pytest

__all__ = ["ALL", "ROOT", "Environment", "Missing", "not_tested"]

ALL = "AMPLEMARKET_ALL_DESTINATIONS"
"""Set, nothing may be left out: what is missing fails instead of being skipped."""

ROOT = Path(__file__).resolve().parents[2]


class Missing(Exception):
    """Something cannot be had on this machine; the text says what to do about it."""


def not_tested(what: str, missing: Missing) -> NoReturn:
    """Skip the test, and say so; fail it where nothing may be left out."""
    if os.environ.get(ALL):
        pytest.fail(f"{ALL} is set, and {what} is missing: {missing}")
    pytest.skip(f"{what} is NOT TESTED on this machine: {missing}")


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        name: of its folder.
        version: what it is called in the tables of what was checked, and in errors.
        requirements: the file that pip reads.
        python: the minor version it needs, or None for that of the tests.
        extra: of this project, which is installed with it, from this folder; None for without it.
    """

    name: str
    version: str
    requirements: Path
    python: str | None = None
    extra: str | None = None

    @property
    def folder(self) -> Path:
        """In the project's own, beside those of the same kind."""
        return ROOT / ".venv" / self.requirements.parent.name / self.name

    def ensure(self) -> Path:
        """Make the environment unless it is there.

        Returns:
            Its interpreter.

        Raises:
            Missing: there is no interpreter for it, or its packages cannot be installed.
        """
        folder = self.folder
        python, stamp = folder / "bin" / "python", folder / "installed"
        wanted = self._fingerprint()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.with_suffix(".lock")):
            if not stamp.exists() or stamp.read_text() != wanted:
                shutil.rmtree(folder, ignore_errors=True)
                self._run(self._base(), "-m", "venv", str(folder))
                packages = ["--requirement", str(self.requirements)]
                if self.extra is not None:
                    packages += ["--editable", f"{ROOT}[{self.extra}]"]
                # Not compiled in advance: most of what is installed is never imported.
                install = ("-m", "pip", "install", "--quiet", "--no-compile")
                self._run(str(python), *install, *packages)
                stamp.write_text(wanted)
        return python

    def _fingerprint(self) -> str:
        version = self.python or "{}.{}".format(*sys.version_info)
        content = self.requirements.read_bytes() + version.encode()
        if self.extra is not None:
            content += (ROOT / "pyproject.toml").read_bytes()
        return hashlib.sha256(content).hexdigest()

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Missing(
                f"The environment of {self.version} cannot be made: "
                f"{(done.stderr or done.stdout).strip()[-500:]}"
            )

    def _base(self) -> str:
        if self.python is None:
            return sys.executable
        candidates = [
            shutil.which(f"python{self.python}") or "",
            *map(str, _pyenv().glob(f"versions/{self.python}.*/bin/python")),
            *map(
                str, Path.home().glob(f".local/share/uv/python/cpython-{self.python}*/bin/python")
            ),
        ]
        for found in filter(None, candidates):
            # A name on the path may be a version manager's, which has no such version.
            if not subprocess.run([found, "-c", ""], capture_output=True).returncode:
                return found
        raise Missing(
            f"{self.version} needs Python {self.python}: install it so that "
            f"python{self.python} is on the PATH."
        )


def _pyenv() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
