"""The emulators' virtual environments: made once, with pip alone, beside the project's own.

    python -m tests.destinations.environments

An emulator does not fit the environment of dlt (it wants another sqlglot, DuckDB or Python), and
one that is talked to over HTTP is the more honest test. The folder ``.venv`` keeps them from git.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import filelock

__all__ = ["ENVIRONMENTS", "Environment", "Missing"]

_HERE = Path(__file__).parent
_FOLDER = _HERE.parents[1] / ".venv" / "emulators"


class Missing(Exception):
    """A destination cannot be had on this machine; the text says what to do about it."""


@dataclass(frozen=True)
class Environment:
    """One emulator's environment.

    Attributes:
        name: of its requirements, ``emulators/<name>.txt``, and its server,
            ``emulators/<name>_server.py``.
        python: the minor version it needs, or None for that of the tests.
        version: what it is called in the tables of what was checked.
    """

    name: str
    version: str
    python: str | None = None

    @property
    def server(self) -> Path:
        return _HERE / "emulators" / f"{self.name}_server.py"

    def ensure(self) -> Path:
        """Make the environment unless it is there.

        Returns:
            Its interpreter.

        Raises:
            Missing: there is no interpreter for it, or its packages cannot be installed.
        """
        requirements = _HERE / "emulators" / f"{self.name}.txt"
        version = self.python or "{}.{}".format(*sys.version_info)
        wanted = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()
        folder = _FOLDER / self.name
        python, stamp = folder / "bin" / "python", folder / "installed"
        _FOLDER.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(_FOLDER / f"{self.name}.lock"):
            if not stamp.exists() or stamp.read_text() != wanted:
                shutil.rmtree(folder, ignore_errors=True)
                self._run(self._base(), "-m", "venv", str(folder))
                self._run(
                    str(python),
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--requirement",
                    str(requirements),
                )
                stamp.write_text(wanted)
        return python

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Missing(
                f"The environment of the {self.name} emulator cannot be made: "
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
            f"The {self.name} emulator needs Python {self.python}: install it so that "
            f"python{self.python} is on the PATH."
        )


def _pyenv() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


ENVIRONMENTS = {
    "snowflake": Environment(
        "snowflake", "fakesnow 0.12.1", python=None if sys.version_info >= (3, 11) else "3.13"
    ),
    "bigquery": Environment("bigquery", "local-bigquery 0.3.2", python="3.13"),
}


def main() -> int:
    """Returns: 0 when every environment is there; 1 otherwise, where all are asked for."""
    missing = [said for said in map(_attempt, ENVIRONMENTS.values()) if said]
    for said in missing:
        print(said, file=sys.stderr)
    return 1 if missing and os.environ.get("AMPLEMARKET_ALL_DESTINATIONS") else 0


def _attempt(environment: Environment) -> str:
    try:
        environment.ensure()
    except Missing as missing:
        return str(missing)
    return ""


if __name__ == "__main__":
    sys.exit(main())
