"""The page in a real browser: what is clicked shows what it should, and nothing breaks out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sample_findings import SPAM, hostile, sample

from bisector.finding import Finding
from bisector.reports.grid import fold, grids
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
        self.file = ""

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
        # What a key brings about may be told to the page in a later task, as that a dialog closed.
        self.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

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
            f"[data-section='{section}']:not([hidden]) tbody tr",
        )
        assert isinstance(shown, list)
        return shown

    def columns(self) -> list[str]:
        shown = self.run(
            "return [...document.querySelectorAll('[data-section]:not([hidden]) thead th')]"
            ".filter(head => head.scope === 'col' && !head.hidden)"
            ".map(head => head.querySelector('.sort').textContent.trim())"
            ".filter(name => name !== 'Release')"
        )
        assert isinstance(shown, list)
        return shown

    def search(self, text: str) -> None:
        field = self.one("input[type=search]")
        field.clear()
        field.send_keys(text)

    def address(self) -> dict[str, list[str]]:
        """Return what the page's address says that it shows."""
        return parse_qs(urlsplit(self.driver.current_url).fragment)

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

    def opened(
        findings: Sequence[Finding], width: int = 1280, *, dark: bool = False, folds: bool = False
    ) -> Browser:
        file = tmp_path / "table.html"
        tables = tuple(map(fold, grids(findings))) if folds else grids(findings)
        file.write_text(render(tables, findings), encoding="utf-8")
        browser.resize(width, 900, dark=dark)
        browser.file = file.as_uri()
        browser.driver.get("about:blank")
        browser.driver.get(browser.file)
        return browser

    browser.driver.get_log("browser")
    yield opened
    assert browser.driver.get_log("browser") == []


@pytest.fixture
def page(opens: Opens) -> Browser:
    return opens(sample())


def cell(release: str, column: int) -> str:
    """Return what selects the button of one cell of the first table; columns count from 1."""
    row = [*("0.1", "0.2"), *SPAM].index(release) + 1
    return f"[data-section='0'] tbody tr:nth-of-type({row}) td:nth-of-type({column}) button"


def heading(column: int) -> str:
    """Return what selects the heading of a column of the first table; columns count from 1."""
    return f"[data-section='0'] thead tr:last-child th:nth-of-type({column + 1})"


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
    page.click("tbody tr:nth-of-type(7) .release")
    told = page.dialog()
    assert "spam 1.0.4\n" in told
    assert "iobase_payload\nbad, 132.5 MiB" in told
    assert "empty_payload_reuse[text]\ninferred good" in told
    assert "request_cycle" not in told
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
    assert page.run("return document.activeElement.closest('tr').innerText").startswith("1.2.3")


def test_sorting_by_release_outcome_and_memory(page: Browser) -> None:
    in_order = ["0.1", "0.2", *SPAM]
    assert page.releases() == in_order
    page.click(f"{heading(0)} .sort")
    assert page.releases() == in_order[::-1]
    assert page.one(heading(0)).get_attribute("aria-sort") == "descending"
    page.click(f"{heading(1)} .sort")
    assert page.releases()[:2] == ["1.0.4", "1.2.3"]
    assert page.one(heading(0)).get_attribute("aria-sort") is None
    page.click(f"{heading(1)} .memory")
    peaks = page.run(
        "return [...document.querySelectorAll('[data-section=\"0\"] tbody tr')]"
        ".map(row => row.cells[1].querySelector('.peak'))"
        ".map(peak => peak ? Number(peak.textContent) : -1)"
    )
    assert peaks == sorted(peaks, reverse=True)
    assert page.releases(1)[0] == "0.1"


def test_filtering_by_outcome(page: Browser) -> None:
    page.click(".chip[data-state='conflicting']")
    assert page.releases() == ["1.1.8"]
    assert page.one(".status").text == "1 release, 3 columns"
    assert page.releases(1) == []
    page.click(".chip[data-state='untestable']")
    assert {"0.1", "1.1.8", "2.0.6"} < set(page.releases())
    assert page.releases(1) == ["0.1", "0.2", "0.23.1"]
    page.click(".clear")
    assert len(page.releases()) == 52
    assert not page.one(".clear").is_displayed()


def test_searching_for_releases(page: Browser) -> None:
    page.search("1.3")
    assert page.releases() == [f"1.3.{n}" for n in range(10)]
    assert page.releases(1) == []
    page.search("1.3.1 2.0.9")
    assert page.releases() == ["1.3.1", "2.0.9"]
    page.search("7")
    assert page.releases() == []
    assert page.one("#nothing").is_displayed()


def test_a_release_is_found_inside_a_fold(opens: Opens) -> None:
    page = opens(sample(), folds=True)
    page.search("1.0.1")
    assert page.releases() == ["1.0.0–1.0.2"]


def test_searching_for_probes_counts_only_the_outcomes_that_are_shown(page: Browser) -> None:
    page.search("EMPTY reuse")
    assert page.columns() == ["empty_payload_reuse[empty-bytesio]", "empty_payload_reuse[text]"]
    page.search("text 1.3")
    assert page.columns() == ["empty_payload_reuse[text]"]
    assert page.one(".chip[data-state='bad'] .count").text == "3"
    page.click(".chip[data-state='bad']")
    assert page.releases() == ["1.3.0", "1.3.1", "1.3.2"]
    page.search("eggs")
    assert page.releases() == []


def test_columns_that_never_change_are_folded_away(page: Browser) -> None:
    assert "request_cycle" not in page.columns()
    assert page.one(".fold").text == "Show 1 that never change"
    page.click(".fold")
    assert "request_cycle" in page.columns()
    assert page.one(".fold").text == "Hide 1 that never change"
    page.click(".fold")
    page.search("request_cycle")
    assert page.columns() == ["request_cycle"]


def test_a_line_of_the_summary_shows_the_columns_that_behave_so(page: Browser) -> None:
    summary = [link.text for link in page.all(".windows a")]
    assert summary[0] == "spam 1.0.4, 1.2.3 to 2.0.5"
    page.click(".windows li:nth-of-type(3) a")
    assert page.columns() == ["empty_payload_reuse[text]"]
    assert page.address() == {"only": ["spam/1.3.0 to 1.3.2"]}
    page.click(".groups th:not([hidden]) button")
    assert len(page.columns()) > 1
    assert page.address() == {}


def test_the_address_shows_someone_else_the_same(page: Browser) -> None:
    page.click(".fold")
    page.search("1.2 1.3")
    page.click(".chip[data-state='bad']")
    page.click(f"{heading(1)} .memory")
    page.click("[data-section='0'] tbody tr:not([hidden]) td button")
    shown = (page.releases(), page.columns(), page.dialog())
    assert shown[2].startswith(f"spam {shown[0][0]}, iobase_payload")
    address = page.driver.current_url
    page.driver.get("about:blank")
    page.driver.get(address)
    assert (page.releases(), page.columns(), page.dialog()) == shown
    assert page.driver.current_url == address
    page.press("\ue00c")
    assert "cell" not in page.address()
    page.run("location.hash = ''")
    page.run("return new Promise(requestAnimationFrame)")
    assert len(page.releases()) == 52
    assert page.releases()[0] == "0.1"


@pytest.mark.parametrize(
    "address",
    [
        "#cell=spam/9.9/nothing",
        "#sort=spam/up/x&only=&show=,&q=",
        "#sort=no/memory-up/p",
        "#%E0%A4",
    ],
)
def test_an_address_that_names_what_is_not_there_shows_the_page(
    page: Browser, address: str
) -> None:
    page.driver.get("about:blank")
    page.driver.get(page.file + address)
    assert len(page.releases()) == 52
    assert page.dialog() == ""


def test_the_keyboard_reaches_every_cell_and_its_evidence(page: Browser) -> None:
    up, down, left, right = "\ue013", "\ue015", "\ue012", "\ue014"
    home, end, enter, escape, tab = "\ue011", "\ue010", "\ue007", "\ue00c", "\ue004"
    page.run("[...document.querySelectorAll('.groups th:not([hidden]) button')][2].focus()")
    page.press(tab)
    assert page.focused() == "Release"
    page.press(right)
    assert page.focused() == "iobase_payload"
    page.press(down)
    assert page.focused() == "≤ 133 MiB"
    page.press(down, down, down)
    assert page.focused() == "good 45.0"
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.press(enter)
    assert "spam 1.0.0, iobase_payload" in page.dialog()
    page.press(escape)
    assert page.dialog() == ""
    assert page.focused() == "good 45.0"
    page.press(end)
    assert page.focused() == "good 38.0"
    page.press(home)
    assert page.focused().startswith("1.0.0")
    page.press(up, up, up, up, up)
    assert page.focused() == "Release"
    page.press(enter)
    assert page.releases()[0] == "2.0.9"
    page.press(left)
    assert page.focused() == "Release"
    inside = '[data-section="0"] tr:not(.groups) button:not([tabindex="-1"])'
    tabbable = page.run("return document.querySelectorAll(arguments[0]).length", inside)
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
        "return [s.scrollLeft, s.scrollTop, r('thead').top - from.top,"
        "r('tbody tr:nth-of-type(40) th').left - from.left]"
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
        const selector = ".word, .why, .peak, .date, em, .top, .chip span, p, dt, .windows *, "
          + ".groups span, .version";
        return [...document.querySelectorAll(selector)]
          .filter((e) => e.offsetWidth).map((e) => [ratio(e), e.className, e.textContent]);
        """
    )
    assert len(contrasts) > 500
    assert [each for each in contrasts if each[0] < 4.5] == []


def test_text_that_a_probe_printed_is_never_markup(opens: Opens) -> None:
    page = opens([hostile()])
    for row in range(len(page.releases())):
        for name in ("td button", ".release"):
            selector = f"tbody tr:nth-of-type({row + 1}) {name}"
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
        plain = cell("1.0.4", 1).removesuffix(" button")
        assert browser.one(plain).text.split() == ["bad", "132.5"]
        assert "request_cycle" in browser.one("thead").text
        assert browser.one(".windows").is_displayed()
        assert not browser.one(".controls").is_displayed()
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
