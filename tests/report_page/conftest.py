"""The datasets, each made once and read by many."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from amplemarket_source.report_page import Figures, figures, render
from tests.report_page.datasets import NOW, made, pipeline_at
from tests.support.clock import ManualClock


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a dataset by its name."""
    home = tmp_path_factory.mktemp("datasets")
    return lambda name: made(name, home)


@pytest.fixture(scope="session")
def figures_of(dataset: Callable[[str], Path]) -> Callable[[str], Figures]:
    @cache
    def read(name: str) -> Figures:
        return figures(pipeline_at(dataset(name)), clock=ManualClock(NOW))

    return read


@pytest.fixture(scope="session")
def page_of(figures_of: Callable[[str], Figures]) -> Callable[[str], str]:
    return lambda name: render(figures_of(name))
