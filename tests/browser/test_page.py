"""The page in a real browser: what is clicked shows what it should, and nothing breaks out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_findings import SPAM, hostile, sample

from bisector.finding import Finding
from bisector.reports.grid import grids
from bisector.reports.table_html import render

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
DRIVER = shutil.which("chromedriver") or ""
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


class Browser:
    """Chromium, and the few things that a reader of the page does with it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        found = self.driver.find_elements("css selector", selector)
        assert isinstance(found, list)
        return found

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        element = self.one(selector)
        self.run("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def releases(self, section: int = 0) -> list[str]:
        """Return the releases shown, from top to bottom."""
        shown = self.run(
            "return [...document.querySelectorAll(arguments[0])].filter(row => !row.hidden)"
            ".map(row => row.querySelector('.version').firstChild.data.trim())",
            f"[data-section='{section}'] tbody tr",
        )
        assert isinstance(shown, list)
        return shown

    def columns(self) -> list[str]:
        shown = self.run(
            "return [...document.querySelectorAll('[data-section=\"0\"] th[data-column]')]"
            ".filter(head => !head.hidden).map(head => head.querySelector('.sort').textContent)"
        )
        assert isinstance(shown, list)
        return shown

    def focused(self) -> str:
        """Return the text of what has the focus, without the spaces of its layout."""
        return " ".join(str(self.run("return document.activeElement.innerText")).split())

    def dialog(self) -> str:
        """Return what the open dialog shows; empty while none is open."""
        return str(
            self.run("const d = document.querySelector('dialog[open]');return d ? d.innerText : ''")
        )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("needs chromium and chromedriver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


Opens = Callable[..., Browser]


@pytest.fixture
def opens(browser: Browser, tmp_path: Path) -> Iterator[Opens]:
    """Open a page of findings from disk; at the end nothing may have been logged."""

    def opened(findings: Sequence[Finding], width: int = 1280, *, dark: bool = False) -> Browser:
        file = tmp_path / "table.html"
        file.write_text(render(grids(findings), findings), encoding="utf-8")
        browser.resize(width, 900, dark=dark)
        browser.driver.get(file.as_uri())
        return browser

    browser.driver.get_log("browser")
    yield opened
    assert browser.driver.get_log("browser") == []


@pytest.fixture
def page(opens: Opens) -> Browser:
    return opens(sample())


def cell(release: str, column: int) -> str:
    """Return what selects the button of one cell of the first table; columns count from 1."""
    row = [*("0.1", "0.2"), *SPAM].index(release)
    return f"[data-section='0'] tr[data-row='{row}'] td:nth-of-type({column}) button"


def test_a_cell_shows_its_evidence_and_closes_again(page: Browser) -> None:
    assert page.dialog() == ""
    page.click(cell("1.0.4", 1))
    told = page.dialog()
    for text in (
        *("spam 1.0.4, iobase_payload", "Measured, and bad.", "regression in uploads"),
        *("grew by 91.9 MiB for a 32 MiB upload", "132.5 MiB", "uploading to spam 1.0.4"),
        *("builtins.MemoryError", "2 distributions installed", "bisect --probe iobase_payload"),
    ):
        assert text in told
    assert "multidict" not in told
    page.click("dialog details:last-of-type summary")
    assert "multidict==6.4.4" in page.dialog()
    page.click("dialog [aria-label='Close']")
    assert page.dialog() == ""


def test_one_distribution_is_one(opens: Opens) -> None:
    finding = sample()[0]
    runs = tuple(replace(run, installed=run.installed[:1]) for run in finding.measurements)
    page = opens([replace(finding, measurements=runs)])
    page.click(cell("1.0.4", 1))
    assert "1 distribution installed" in page.dialog()


def test_a_cell_that_was_not_measured_says_how_it_is_known(page: Browser) -> None:
    page.click(cell("1.0.1", 2))
    assert "nearest measured releases on both sides are good" in page.dialog()
    assert "processor time" not in page.dialog()
    page.press("\ue00c")
    page.click(cell("0.1", 1))
    assert "Could not be tested. (requires-python)" in page.dialog()
    assert "needs Python <3.8" in page.dialog()


def test_every_run_of_a_conflicting_release_is_shown(page: Browser) -> None:
    page.click(cell("1.1.8", 2))
    told = page.dialog()
    assert "Measured, and its runs disagree." in told
    assert "1.1.8: good" in told
    assert "1.1.8: bad" in told


def test_a_release_shows_its_row_and_leads_to_each_cell(page: Browser) -> None:
    page.click("tr[data-row='6'] .release")
    told = page.dialog()
    assert "spam 1.0.4\n" in told
    assert "empty_payload_reuse[text]\ninferred good" in told
    page.click("dialog .pick")
    assert "spam 1.0.4, iobase_payload" in page.dialog()


def test_the_dialog_steps_through_the_releases_that_are_shown(page: Browser) -> None:
    page.click(".chip[data-state='bad']")
    page.click(cell("1.0.4", 1))
    assert not page.one("dialog [aria-label='Previous release']").is_enabled()
    page.click("dialog [aria-label='Next release']")
    assert "spam 1.2.3, iobase_payload" in page.dialog()
    page.press("\ue00c")
    assert page.focused().startswith("bad")
    assert page.run("return document.activeElement.closest('tr').dataset.row") == "25"


def test_sorting_by_release_outcome_and_memory(page: Browser) -> None:
    in_order = ["0.1", "0.2", *SPAM]
    assert page.releases() == in_order
    page.click("[data-section='0'] th .sort")
    assert page.releases() == in_order[::-1]
    head = page.one("[data-section='0'] th")
    assert head.get_attribute("aria-sort") == "descending"
    page.click("[data-section='0'] th[data-column='0'] .sort")
    assert page.releases()[:2] == ["1.0.4", "1.2.3"]
    assert head.get_attribute("aria-sort") is None
    page.click("[data-section='0'] th[data-column='0'] .memory")
    peaks = page.run(
        "return [...document.querySelectorAll('[data-section=\"0\"] tbody tr')]"
        ".map(row => Number(row.cells[1].dataset.peak || -1))"
    )
    assert peaks == sorted(peaks, reverse=True)
    assert page.releases(1)[0] == "0.1"


def test_filtering_by_outcome(page: Browser) -> None:
    page.click(".chip[data-state='conflicting']")
    assert page.releases() == ["1.1.8"]
    assert page.one(".status").text == "1 of 52 rows"
    page.click(".chip[data-state='untestable']")
    assert {"0.1", "1.1.8", "2.0.6"} < set(page.releases())
    assert len(page.releases(1)) == 20
    page.click(".clear")
    assert len(page.releases()) == 52
    assert not page.one(".clear").is_displayed()


def test_filtering_by_release_line(page: Browser) -> None:
    page.run(
        "const s = document.querySelector('select.line'); s.value = '1.3';"
        "s.dispatchEvent(new Event('change'))"
    )
    assert page.releases() == [f"1.3.{n}" for n in range(10)]
    page.click(".chip[data-state='conflicting']")
    assert page.releases() == []
    assert page.one("section > .nothing").is_displayed()


def test_filtering_by_probe_counts_only_the_outcomes_that_are_shown(page: Browser) -> None:
    assert len(page.columns()) == 4
    page.click(".menu summary")
    page.click(".menu [data-all='']")
    assert page.columns() == []
    page.click(".menu input[value='2']")
    assert page.columns() == ["empty_payload_reuse[text]"]
    assert page.one(".menu summary").text.startswith("Probes: 1 of 4")
    page.press("\ue00c")
    assert page.one(".menu").get_attribute("open") is None
    page.click(".chip[data-state='bad']")
    assert page.releases() == ["1.3.0", "1.3.1", "1.3.2"]


def test_the_keyboard_reaches_every_cell_and_its_evidence(page: Browser) -> None:
    up, down, left, right = "\ue013", "\ue015", "\ue012", "\ue014"
    home, end, enter, escape, tab = "\ue011", "\ue010", "\ue007", "\ue00c", "\ue004"
    page.run("document.querySelector('.menu summary').focus()")
    page.press(tab)
    assert page.focused() == "Release"
    page.press(right)
    assert page.focused() == "iobase_payload"
    page.press(down)
    assert page.focused() == "133 MiB"
    page.press(down, down, down)
    assert page.focused() == "good 45.0 MiB"
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.press(enter)
    assert "spam 1.0.0, iobase_payload" in page.dialog()
    page.press(escape)
    assert page.dialog() == ""
    assert page.focused() == "good 45.0 MiB"
    page.press(end)
    assert page.focused() == "untestable timeout"
    page.press(home)
    assert page.focused().startswith("1.0.0")
    page.press(up, up, up, up, up)
    assert page.focused() == "Release"
    page.press(enter)
    assert page.releases()[0] == "2.0.9"
    page.press(left)
    assert page.focused() == "Release"
    tabbable = page.run(
        'return document.querySelectorAll(\'[data-section="0"] table button:not([tabindex="-1"])\')'
        ".length"
    )
    assert tabbable == 1


def test_a_cell_reached_by_keyboard_is_not_under_the_sticky_header(page: Browser) -> None:
    page.click(cell("2.0.9", 1))
    page.press("\ue00c")
    page.press(*["\ue013"] * 40)
    below = page.run(
        "const head = document.querySelector('[data-section=\"0\"] thead').getBoundingClientRect();"
        "return document.activeElement.getBoundingClientRect().top - head.bottom"
    )
    assert below >= -1


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_never_wider_than_the_window(opens: Opens, width: int, dark: bool) -> None:
    for findings in (sample(), [hostile()], sample()[:1] * 20, []):
        page = opens(findings, width, dark=dark)
        beyond = "const d = document.documentElement; return d.scrollWidth - d.clientWidth"
        assert page.run(beyond) == 0
        if findings:
            page.click(".menu summary")
            assert page.run(beyond) == 0
            page.press("\ue00c")
            page.click("tbody td button")
            inside = (
                "const d = document.querySelector('dialog');return d.scrollWidth - d.clientWidth"
            )
            assert page.run(inside) <= 0
            assert page.run(beyond) == 0


@pytest.mark.parametrize("width", [1280, 400])
def test_the_header_and_the_releases_stay_in_sight(opens: Opens, width: int) -> None:
    page = opens(sample()[:4] * 3, width)
    page.run("document.querySelector('.scroll').scrollTo(300, 600)")
    measured = page.run(
        "const s = document.querySelector('.scroll');"
        "const from = s.getBoundingClientRect();"
        "const r = (selector) => s.querySelector(selector).getBoundingClientRect();"
        "return [s.scrollLeft, s.scrollTop, r('thead th').top - from.top,"
        "r('tr[data-row=\"40\"] th').left - from.left]"
    )
    assert measured == pytest.approx([300, 600, 1, 1], abs=1)


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_what_is_behind_it(opens: Opens, dark: bool) -> None:
    page = opens(sample(), dark=dark)
    contrasts = page.run(
        """
        const light = (text) => {
          const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
            .map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
          return .2126 * r + .7152 * g + .0722 * b;
        };
        const behind = (e) => {
          const color = getComputedStyle(e).backgroundColor;
          return color === "rgba(0, 0, 0, 0)" ? behind(e.parentElement) : color;
        };
        const ratio = (e) => {
          const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort();
          return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        };
        const selector = ".word, .why, .peak, .date, .tag, .top, .chip span, p, dt";
        return [...document.querySelectorAll(selector)]
          .filter((e) => e.offsetWidth).map((e) => [ratio(e), e.className, e.textContent]);
        """
    )
    assert len(contrasts) > 500
    assert [each for each in contrasts if each[0] < 4.5] == []


def test_text_that_a_probe_printed_is_never_markup(opens: Opens) -> None:
    page = opens([hostile()])
    for row in range(len(page.releases())):
        for selector in (f"tr[data-row='{row}'] td button", f"tr[data-row='{row}'] .release"):
            page.click(selector)
            page.run("document.querySelectorAll('dialog details').forEach(d => { d.open = true; })")
            assert page.all("img, iframe, object, embed, dialog script, dialog style") == []
            page.press("\ue00c")
    page.click(cell("1.0.0", 1))
    assert "<img src=x onerror=" in page.dialog()
    assert "\\x1b[31mred" in page.dialog()
    assert page.run("return document.title") != "broken out"
    assert len(page.all("script")) == 2


def test_without_script_the_table_is_there_to_read(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "plain.html"
    file.write_text(render(grids(sample()), sample()), encoding="utf-8")
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(file.as_uri())
        assert browser.one("noscript p").is_displayed()
        assert browser.one(cell("1.0.4", 1)).text.split() == ["bad", "132.5", "MiB"]
        assert not browser.one(".choices").is_displayed()
        assert not browser.one(".chip").is_enabled()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pictures_are_taken_where_asked_for(opens: Opens, tmp_path: Path) -> None:
    folder = Path(os.environ.get("PAGE_PICTURES", tmp_path))
    for width in (1280, 400):
        for dark in (False, True):
            page = opens(sample(), width, dark=dark)
            file = folder / f"table-{width}{'-dark' if dark else ''}.png"
            assert page.driver.save_screenshot(str(file))
            assert file.stat().st_size > 10_000
