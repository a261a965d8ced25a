"""The wheel and the source distribution, built and installed as a release would be.

    python -m tests.release.distributions            # into every Python of this machine

installs the wheel with all that it needs into an environment of each Python from 3.10 on that is
found, and runs the demo there; the tests do that in the Python they run in, beside what is there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Built", "build", "pythons", "run_demo"]

ROOT = Path(__file__).parents[2]
_TABLES_OF_THE_DEMO = (
    *("--destination", "duckdb:///amplemarket_sandbox.duckdb"),
    *("--dataset", "amplemarket_sandbox_data"),
)
_OLDEST, _NEWEST = 10, 14


@dataclass(frozen=True)
class Built:
    """The files of a release."""

    wheel: Path
    sdist: Path


def build(folder: Path) -> Built:
    """Both, from this checkout, with the build tools of this environment."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return Built(next(folder.glob("*.whl")), next(folder.glob("*.tar.gz")))


def installed(wheel: Path, folder: Path, python: str | None = None) -> Path:
    """An environment with the wheel in it; its Python.

    Args:
        python: makes the environment, and gets everything the wheel needs; None: this Python,
            which lends what it has.
    """
    subprocess.run([python or sys.executable, "-m", "venv", str(folder)], check=True)
    (inside,) = folder.glob("bin/python")
    alone = [] if python else ["--no-deps", "--no-index"]
    if python is None:
        (packages,) = folder.glob("lib/python*/site-packages")
        # After its own, so that the wheel comes before a checkout that is installed there.
        lent = Path(sysconfig.get_path("purelib"))
        others = [path for path in sys.path if path.endswith("site-packages")]
        (packages / "lent.pth").write_text("\n".join(dict.fromkeys([*others, str(lent)])))
    what = f"{wheel}[sandbox]" if python else str(wheel)
    subprocess.run([str(inside), "-m", "pip", "install", "--quiet", *alone, what], check=True)
    return inside


def run_demo(python: Path, folder: Path) -> str:
    """What `amplemarket run people --sandbox` and `report` say, from the wheel alone."""
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    command = python.parent / "amplemarket"
    said = ""
    for words in (
        [str(python), "-c", "import amplemarket_source as a; print(a.__file__)"],
        [str(command), "--version"],
        [str(command), "run", "people", "--sandbox"],
        [str(command), "report", *_TABLES_OF_THE_DEMO],
    ):
        done = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, **quiet},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout
    return said


def pythons() -> dict[str, str]:
    """The interpreters of this machine that the package supports, by version."""
    found: dict[str, str] = {}
    places = [*os.environ.get("PATH", "").split(os.pathsep)]
    places += [str(path) for path in Path.home().glob(".pyenv/versions/*/bin")]
    for minor in range(_OLDEST, _NEWEST + 1):
        for place in places:
            program = shutil.which(f"python3.{minor}", path=place)
            if program and _starts(program):
                found[f"3.{minor}"] = program
                break
    return found


def _starts(program: str) -> bool:
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    return done.returncode == 0 and bool(re.match(r"Python 3", done.stdout))


def main() -> int:
    """Returns: 0 when the wheel runs on every Python that was found."""
    with tempfile.TemporaryDirectory() as home:
        built = build(Path(home) / "dist")
        for version, program in pythons().items():
            started, folder = time.monotonic(), Path(home) / version
            inside = installed(built.wheel, folder, program)
            (folder / "work").mkdir()
            said = run_demo(inside, folder / "work")
            people = re.search(r"people +(\d+)", said)
            print(
                f"Python {version}: {people[1] if people else 'no'} people, "
                f"{time.monotonic() - started:.0f} s",
                flush=True,
            )
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
