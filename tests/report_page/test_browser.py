"""The page in a real browser: five datasets, three widths, light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report_page.datasets import DATASETS
from tests.report_page.personal import personal_values, said_in
from tests.report_page.test_page import assert_whole
from tests.support.environments import Missing, not_tested

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("report_page")]

WIDTHS = (390, 768, 1200)


class Browser:
    """Chromium without a window, on files of this disk; every foreign host is refused."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for flag in (
            *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
            *("disable-background-networking", "disable-component-update", "disable-sync"),
            "hide-scrollbars",
            f"user-data-dir={profile}",
            "host-resolver-rules=MAP * ~NOTFOUND",
        ):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(str(shutil.which("chromedriver")))
        self.driver = webdriver.Chrome(options=options, service=service)

    def show(self, file: Path, width: int, *, dark: bool = False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(file.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def choose(self, element_id: str) -> None:
        self.run("document.getElementById(arguments[0]).click()", element_id)

    def rows(self) -> int:
        """Requests that can be seen."""
        return int(
            self.run(
                "return [...document.querySelectorAll('.requests tbody tr')]"
                ".filter(row => row.checkVisibility()).length"
            )
        )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        not_tested("the page in a browser", Missing("Debian's chromium and chromium-driver"))
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="module")
def file_of(
    tmp_path_factory: pytest.TempPathFactory, page_of: Callable[[str], str]
) -> Callable[[str], Path]:
    home = tmp_path_factory.mktemp("pages")

    def file(name: str) -> Path:
        found = home / f"{name}.html"
        if not found.exists():
            found.write_text(page_of(name), encoding="utf-8")
        return found

    return file


@pytest.mark.parametrize("name", DATASETS)
def test_the_page_fits_every_width_in_light_and_dark_and_anyone_can_read_it(
    name: str, browser: Browser, file_of: Callable[[str], Path]
) -> None:
    from axe_selenium_python import Axe

    for width in WIDTHS:
        for dark in (False, True):
            browser.show(file_of(name), width, dark=dark)
            assert browser.run("return document.documentElement.scrollWidth") == width
            # One width in each scheme: colours do not depend on it, and it takes a while.
            if width == (WIDTHS[0] if dark else WIDTHS[-1]):
                axe = Axe(browser.driver)
                axe.inject()
                broken = axe.run()["violations"]
                assert [(one["id"], one["nodes"][0]["html"]) for one in broken] == [], (width, dark)
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.driver.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", DATASETS)
def test_nobody_is_on_any_page(
    name: str, dataset: Callable[[str], Path], page_of: Callable[[str], str]
) -> None:
    page = page_of(name)
    assert_whole(page)
    if name != "empty":
        values = personal_values(dataset(name))
        assert len(values) > 50
        assert said_in(page, values) == []


def test_a_filter_leaves_what_it_names(browser: Browser, file_of: Callable[[str], Path]) -> None:
    browser.show(file_of("2,000 requests"), 1200)
    assert browser.rows() == 25
    browser.choose("rows-all")
    everything = browser.rows()
    assert everything > 100
    browser.choose("rows-few")
    browser.choose("state-held")
    held = browser.rows()
    # Also those that are older than the first 25.
    assert 20 < held < everything
    browser.choose("kind-companies")
    assert browser.rows() == 0
    browser.choose("state-all")
    assert browser.rows() == 1
    browser.choose("kind-all")
    browser.choose("label-0")
    assert 0 < browser.rows() < everything
    assert browser.run("return document.querySelector('.by-week').checkVisibility()") is False
    browser.choose("unit-week")
    assert browser.run("return document.querySelector('.by-week').checkVisibility()") is True


def test_on_paper_everything_is_open_and_no_filter_is_left(
    browser: Browser, file_of: Callable[[str], Path]
) -> None:
    browser.show(file_of("story"), 1200)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    seen = "return document.querySelector(arguments[0]).checkVisibility()"
    assert browser.run(seen, "form.filters") is False
    assert browser.run(seen, "details td") is True
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
