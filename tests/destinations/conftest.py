"""One home for each destination and worker, started when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.destinations.environments import Missing
from tests.destinations.groups import on
from tests.destinations.homes import HOMES, Home, opened
from tests.destinations.household import Household
from tests.destinations.story import Story

ALL = "AMPLEMARKET_ALL_DESTINATIONS"
AS_THE_COMMAND_SETS_THEM = {
    "RUNTIME__LOG_LEVEL": "ERROR",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "DESTINATION__SNOWFLAKE__KEEP_STAGED_FILES": "false",
}


@pytest.fixture(scope="session", params=on(*HOMES))
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in AS_THE_COMMAND_SETS_THEM.items():
            patch.setenv(name, value)
        try:
            found = stack.enter_context(opened(request.param))
        except Missing as missing:
            if os.environ.get(ALL):
                pytest.fail(f"{ALL} is set, and {request.param} is missing: {missing}")
            pytest.skip(f"{request.param} is NOT TESTED on this machine: {missing}")
        yield found


@pytest.fixture(scope="session")
def story(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with Household.settled(home, tmp_path_factory.mktemp(home.name)) as household:
        yield Story(household)
