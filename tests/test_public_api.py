"""What is public is what is documented, and is there without the weight of what it does."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import amplemarket_source
from amplemarket_source import destination, errors, sandbox

_ROOT = Path(__file__).parents[1]
_EXAMPLE = (_ROOT / "tests" / "typing" / "public_api.py").read_text()


def test_every_public_name_can_be_imported_and_is_listed_by_dir() -> None:
    for name in amplemarket_source.__all__:
        assert getattr(amplemarket_source, name) is not None
        assert name in dir(amplemarket_source)
    with pytest.raises(AttributeError, match="no_such_name"):
        amplemarket_source.no_such_name  # noqa: B018


def test_what_the_modules_list_is_what_they_define() -> None:
    for module in (errors, destination, sandbox):
        public = {
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value))
        }
        own = {name for name in public if vars(module)[name].__module__.startswith(module.__name__)}
        assert own == set(module.__all__) - {n for n in module.__all__ if n not in public}


def test_every_error_is_in_the_drawn_tree_with_its_exit_code() -> None:
    tree = errors.__doc__ or ""
    for name in errors.__all__:
        error = getattr(errors, name)
        if inspect.isclass(error) and issubclass(error, errors.AmplemarketError):
            assert re.search(rf"\b{name}\b", tree), name
            drawn = re.search(rf"\b{name}\s+exit (\d)", tree)
            if drawn:
                assert int(drawn[1]) == getattr(error, "exit_code", errors.ExitCode.UNFINISHED)


@pytest.mark.parametrize("name", amplemarket_source.__all__)
def test_every_public_call_is_in_the_readme_and_has_a_checked_example(name: str) -> None:
    assert re.search(rf"\b{name}\b", _EXAMPLE)
    assert re.search(rf"\b{name}\b", (_ROOT / "README.md").read_text())


def test_the_path_that_dlt_keeps_of_the_destination_is_the_public_one() -> None:
    assert destination.duckdb.__module__ == "amplemarket_source.destination"
    assert (
        destination.duckdb("a.duckdb").destination_type == "amplemarket_source.destination.duckdb"
    )


def test_the_types_ship() -> None:
    assert (files(amplemarket_source) / "py.typed").is_file()


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, amplemarket_source, amplemarket_source.errors\n"
        "print([m for m in ('dlt', 'duckdb', 'pyarrow', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_private_package_says_so() -> None:
    for init in (_ROOT / "amplemarket_source").glob("*/__init__.py"):
        if init.parent.name not in ("dagster", "destination", "sandbox"):
            assert '"""Private.' in init.read_text(), init
