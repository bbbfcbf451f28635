"""The HTML report in a real Chromium, headless, at the width of a phone and of a desktop.

HARNESS_ARTEFACTS=FOLDER keeps screenshots there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from harness.report.charts.theme import DARK, LIGHT
from harness.report.html.page import as_html
from harness.report.registry import view_stored
from harness.report.words.look import Look
from harness.results.record.distributions import Outcomes
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import read_run
from tests.cli.project import ROOT
from tests.report.charts.test_charts import compared_run
from tests.report.made import records
from tests.report.made.stored import MS, sampled_run

ARTEFACTS = os.environ.get("HARNESS_ARTEFACTS")
PHONE, DESKTOP = (375, 812), (1280, 900)
MOST_BYTES = 3 * 1024 * 1024
RUNS: dict[str, Callable[[], RunRecord]] = {
    "losses": records.troubled_run,
    "partial": records.partial_run,
    "older": records.old_run,
    "open-loop": records.open_loop_run,
    "hostile": records.hostile_run,
    "compared": lambda: compared_run(0.8),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The report of a run of RUNS, of the reference run, or of fifty cells; made once."""
    made: dict[str, Path] = {}

    def page(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            made[name] = _reported(name, folder)
        return made[name]

    return page


def long_named_run(folder: Path) -> RunRecord:
    """Names and marks that no phone has room for on one line."""
    made = sampled_run(folder, variants=2, works=1, blocks=3)
    lossy = made.cells[0]
    outcomes = Outcomes(ok=190, failed=1, wrong=2, lost=4, timed_out=3)
    blocks = [one.model_copy(update={"outcomes": outcomes}) for one in lossy.blocks]
    name = "a-broker-with-a-name/work0/rate-warmup-steady-burst-ramp-drain"
    renamed = lossy.model_copy(update={"name": name, "blocks": tuple(blocks)})
    return made.model_copy(update={"cells": (renamed, made.cells[1])})


def _reported(name: str, folder: Path) -> Path:
    if name == "long":
        record = long_named_run(folder)
    elif name == "fifty":
        # Long enough for every curve to have as many points as it may.
        record = sampled_run(folder, variants=5, works=10, blocks=3, units=1300, every_ns=100 * MS)
    elif name == "reference":
        shutil.copytree(ROOT / "results/reference", folder, dirs_exist_ok=True)
        record = read_run(folder)
    else:
        record = RUNS[name]()
    path = folder / "report.html"
    path.write_text(as_html(view_stored(record, folder), Look()), encoding="utf-8")
    return path


@contextmanager
def opened(
    browser: Browser,
    path: Path,
    size: tuple[int, int] = DESKTOP,
    *,
    scheme: Any = "light",
    scale: float = 1,
) -> Iterator[Page]:
    """The page; complains at the end about anything that it said on the console or asked for."""
    width, height = size
    page = tab(browser, scale)
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(media="null", color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    listeners: dict[Any, Callable[[Any], None]] = {
        "console": lambda message: said.append(message.text),
        "pageerror": lambda error: said.append(str(error)),
        "request": lambda request: asked.append(request.url),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    try:
        page.goto(path.as_uri())
        yield page
        assert said == []
        assert set(asked) == {path.as_uri()}
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        page.evaluate("localStorage.clear()")  # which colours a reader chose
        page.mouse.move(0, 0)
        page.goto("about:blank")


@cache  # a process that has loaded a page once takes a third less for the next one
def tab(browser: Browser, scale: float) -> Page:
    """Pages are loaded into it one after the other."""
    return browser.new_context(device_scale_factor=scale).new_page()


def _draw_all(page: Page) -> None:
    """Unfolds all, too."""
    page.evaluate("harnessDrawAll()")


def _unfold(page: Page, subject: str) -> None:
    page.locator(f"nav a[href='#{subject}']").click()


def _keep(page: Page, name: str, *, whole: bool = False) -> None:
    if ARTEFACTS:
        page.screenshot(path=Path(ARTEFACTS) / f"{name}.png", full_page=whole)


_EMPTY = """() => [...document.querySelectorAll('.chart')].filter((chart) => {
  const drawn = [...chart.querySelectorAll(
    '.mark-symbol path, .mark-line path, .mark-rect path, .mark-rule line')];
  const box = chart.querySelector('svg')?.getBoundingClientRect();
  const seen = drawn.filter((mark) => {
    const one = mark.getBoundingClientRect();
    return one.width + one.height > 1 && box && one.left >= box.left - 1
      && one.right <= box.right + 1;
  });
  return seen.length === 0;
}).map((chart) => chart.dataset.chart)"""


_GROWN = """() => [...document.querySelectorAll('.chart')].map((chart) => [
  chart.dataset.chart, parseFloat(chart.style.minHeight),
  chart.querySelector('svg').getBoundingClientRect().height,
]).filter(([, kept, used]) => used > kept || used < kept - 20)"""
"""Charts that do not fit into the room that was kept for them, or that leave much of it."""


@pytest.mark.parametrize("name", [*RUNS, "reference", "long"])
def test_charts_are_drawn_and_the_page_fits(
    browser: Browser, pages: Callable[[str], Path], name: str
) -> None:
    for size in (PHONE, DESKTOP):
        with opened(browser, pages(name), size) as page:
            _fits(page, name, size)


def _fits(page: Page, name: str, size: tuple[int, int]) -> None:
    _keep(page, f"{name}-{size[0]}")
    _draw_all(page)
    charts = page.locator(".chart").count()
    assert page.locator(".chart svg").count() == charts
    assert charts or name in ("older", "partial")
    assert page.evaluate(_EMPTY) == []
    # Else the page jumps while charts are drawn, and a click lands elsewhere.
    assert page.evaluate(_GROWN) == []
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    wider = page.evaluate("[...document.querySelectorAll('.chart svg')].filter((one) => "
                              "one.getBoundingClientRect().right > innerWidth).length")  # fmt: skip
    assert wider == 0
    if name == "reference" and size == DESKTOP:
        _keep(page, f"{name}-{size[0]}-whole", whole=True)


def test_the_first_screen_holds_question_answer_and_verdicts(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    with opened(browser, pages("compared")) as page:
        assert page.locator("h1").inner_text() == "What does it cost?"
        said = page.locator(".answer li").first.inner_text()
        assert re.search(
            r"REGRESSION: rabbitmq is slower than redis: throughput \d+ % lower "
            r"\(\d+ % to \d+ %\)\.",
            said,
        )
        box = page.get_by_role("region", name="At a glance").bounding_box()
        assert box is not None
        assert box["y"] + 120 < DESKTOP[1]
        # What it rests on is one click away, and its summary says how it ended.
        inside = page.locator("#verdicts .inside")
        assert "Compared with redis: 3 regression" in inside.inner_text()


def test_on_a_phone_no_figure_of_the_answer_is_out_of_sight_and_no_verdict_cut_off(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    with opened(browser, pages("compared"), PHONE) as page:
        cells = page.locator("[aria-label='At a glance'] tbody td")
        figures = [cell for cell in cells.all() if cell.inner_text()]
        assert len(figures) >= 8
        for cell in figures:
            box = cell.bounding_box()
            assert box is not None
            assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE[0]
        assert page.locator(".answer li").first.bounding_box() is not None
        _draw_all(page)
        chart = page.locator("[data-chart=ratios-0]")
        said = " ".join(chart.locator("text, tspan").all_text_contents())
        assert "REGRESSION" in said
        assert "…" not in said


def test_marks_and_figures_are_not_cut_off_on_a_phone(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    with opened(browser, pages("long"), PHONE) as page:
        _draw_all(page)
        for chart in ("throughput-0", "phases-0", "percentiles-watched-0"):
            lines = page.locator(f"[data-chart={chart}] tspan").all_text_contents()
            said = " ".join(lines)
            assert "! 12 lost, ! 6 wrong, ! 3 failed, ! 9 timed out" in said, chart
            assert "…" not in said
            if chart == "throughput-0":
                assert re.search(r"timed out: [\d.]+/s \([\d.]+ to [\d.]+, 3 blocks\)", said)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_long_name_leaves_room_for_its_outcome_and_figures(
    browser: Browser, pages: Callable[[str], Path], size: tuple[int, int]
) -> None:
    with opened(browser, pages("open-loop"), size) as page:
        _unfold(page, "throughput")
        cells = page.locator("[aria-label=Results] tbody tr:not(.section) td")
        for number in (0, 1):
            box = cells.nth(number).bounding_box()
            assert box is not None
            assert box["width"] > 0
            assert box["x"] + box["width"] < size[0]


def test_losses_are_marked_in_words(browser: Browser, pages: Callable[[str], Path]) -> None:
    with opened(browser, pages("losses")) as page:
        _unfold(page, "throughput")
        chart = page.locator("[data-chart=throughput-0]")
        chart.scroll_into_view_if_needed()
        label = chart.get_by_text("! 4 lost").last  # the first one is the halo behind it
        label.wait_for()
        flagged = label.evaluate("one => getComputedStyle(one).fill")
        plain = page.evaluate(
            "getComputedStyle(document.documentElement).getPropertyValue('--flag')"
        )
        assert flagged == _rgb(plain)
        assert page.locator(".answer li.broken.flagged").count() == 2


def _rgb(color: str) -> str:
    parts = [int(color.strip()[place : place + 2], 16) for place in (1, 3, 5)]
    return f"rgb({parts[0]}, {parts[1]}, {parts[2]})"


def test_tables_sort_by_mouse_and_by_keyboard(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    with opened(browser, pages("reference")) as page:
        _unfold(page, "costs")
        table = page.locator(
            "table", has=page.locator("caption", has_text="What a task costs: CPU")
        )
        head = table.locator("th[scope=col]").nth(1)
        figures = "rows => rows.map((row) => row.cells[1].textContent)"
        rows = table.locator("tbody tr:not(.section)")
        given = rows.evaluate_all(figures)
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        assert rows.evaluate_all(figures) == sorted(given, key=_ms)
        head.get_by_role("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert rows.evaluate_all(figures) == sorted(given, key=_ms, reverse=True)
        assert page.locator("th[aria-sort]").count() == 1
        # By its label, and the section's title stays where it is.
        first = table.locator("th[scope=col]").first
        first.get_by_role("button").click()
        labels = rows.evaluate_all("rows => rows.map((row) => row.cells[0].textContent.trim())")
        assert labels == sorted(labels)
        assert table.locator("tbody tr").first.get_attribute("class") == "section"


def _ms(text: str) -> float:
    value, unit = text.split()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def test_values_can_be_read_by_hovering_and_as_a_table(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    with opened(browser, pages("reference")) as page:
        _unfold(page, "phases")
        chart = page.locator("[data-chart=phases-0]")
        chart.scroll_into_view_if_needed()
        bar = chart.locator(".mark-rect path").first
        bar.wait_for()
        said = str(bar.get_attribute("aria-label"))
        assert re.fullmatch(r"cell: \S+, phase: queue, [^:]+, ms: [\d.]+, share, %: [\d.]+", said)
        bar.hover()
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert "share, %" in tip.inner_text()
        details = page.locator("details[data-values=phases-0]")
        details.locator("summary").click()
        table = details.locator("table")
        table.wait_for()
        assert table.locator("th").all_inner_texts()[1].startswith("phase")
        assert table.locator("tbody tr").count() == 16
        assert "shorter totals, beside the names, are better" in str(
            chart.get_attribute("aria-label")
        )


def test_light_and_dark(browser: Browser, pages: Callable[[str], Path]) -> None:
    with opened(browser, pages("reference"), scheme="dark") as page:
        background = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(background)
        _draw_all(page)
        _keep(page, "reference-dark")
        line = page.locator("[data-chart=throughput-0] .mark-symbol path").first
        colored = line.get_attribute("fill")
        page.get_by_role("button", name="Light colours").click()
        page.locator("[data-chart=throughput-0]").scroll_into_view_if_needed()
        assert page.evaluate(background) == "rgb(255, 255, 255)" != dark
        page.wait_for_function(
            "fill => document.querySelector('[data-chart=throughput-0] .mark-symbol path')"
            "?.getAttribute('fill') !== fill",
            arg=colored,
        )
        page.reload()
        assert page.evaluate(background) == "rgb(255, 255, 255)"
        page.get_by_role("button", name="Dark colours").wait_for()


def test_printing_shows_every_chart(browser: Browser, pages: Callable[[str], Path]) -> None:
    with opened(browser, pages("reference")) as page:
        assert page.locator(".chart svg").count() < page.locator(".chart").count()
        printed = page.pdf()
        assert page.locator(".chart svg").count() == page.locator(".chart").count()
        # On the screen it is folded as it was.
        assert page.locator("details.cell:not([open]), details.subject:not([open])").count() > 6
        # The first print waits for the charts as the second does, which finds them drawn.
        assert abs(len(page.pdf()) - len(printed)) < len(printed) / 50


def test_a_picture_of_the_whole_page_shows_every_chart(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    """Nobody scrolls before a screenshot: what is not folded away is drawn all the same."""
    unfolded = (
        "[...document.querySelectorAll('.chart')]"
        ".filter((one) => !one.closest('details:not([open])'))"
    )
    with opened(browser, pages("reference")) as page:
        complete = f"{unfolded}.every((one) => one.querySelector('svg'))"
        page.evaluate(
            "() => new Promise((done) => { const look = () => { "
            f"if ({complete}) done(); else setTimeout(look, 50); }}; look(); }})"
        )
        assert page.evaluate(f"{unfolded}.length") > 0
        assert page.evaluate("window.scrollY") == 0


_INK = """() => [...new Set([...document.querySelectorAll('.chart .role-axis-label text')]
  .map((one) => one.getAttribute('fill')))]"""


def test_paper_is_light_whatever_the_screen_is(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    with opened(browser, pages("reference"), scheme="dark") as page:
        page.locator("[data-chart=throughput-0]").scroll_into_view_if_needed()
        page.locator("[data-chart=throughput-0] svg").wait_for()
        assert page.evaluate(_INK) == [DARK["axis"]["labelColor"]]
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        page.locator("[data-chart=cpu-0] svg").wait_for()
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(31, 35, 40)"
        assert page.evaluate(_INK) == [LIGHT["axis"]["labelColor"]]
        page.emulate_media(media="screen")
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        page.locator("[data-chart=throughput-0]").scroll_into_view_if_needed()
        page.wait_for_function(
            "ink => document.querySelector('[data-chart=throughput-0] .role-axis-label text')"
            "?.getAttribute('fill') === ink",
            arg=DARK["axis"]["labelColor"],
        )


@pytest.mark.parametrize("name", ["reference", "losses", "compared", "open-loop"])
def test_no_table_is_wider_than_the_paper(
    browser: Browser, pages: Callable[[str], Path], name: str
) -> None:
    a4_without_margins = 718
    with opened(browser, pages(name), (a4_without_margins, 900)) as page:
        _draw_all(page)
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") == a4_without_margins


def test_without_scripts_all_words_are_there(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages("reference").as_uri())
    assert page.locator("h1").inner_text().startswith("How fast are the tutorial's tasks")
    assert page.locator("caption", has_text="The ledger").count() == 1
    context.close()


def test_fifty_cells(browser: Browser, pages: Callable[[str], Path]) -> None:
    path = pages("fifty")
    assert path.stat().st_size < MOST_BYTES
    with opened(browser, path, PHONE) as page:
        charts = page.locator(".chart").count()
        assert charts > 150
        # Only what is about to be seen is drawn, so the page opens as fast as a small one.
        assert page.locator(".chart svg").count() < charts / 10
        _unfold(page, "latency")
        page.locator("[data-chart=distribution-watched-3]").scroll_into_view_if_needed()
        page.locator("[data-chart=distribution-watched-3] svg").wait_for()
        _unfold(page, "time")
        folded = page.locator("details.cell").nth(30)
        folded.locator("summary").first.click()
        folded.locator(".chart svg").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_a_section_that_is_asked_for_is_unfolded(
    browser: Browser, pages: Callable[[str], Path]
) -> None:
    with opened(browser, pages("reference")) as page:
        ledger = page.get_by_role("region", name="The ledger")
        assert not ledger.is_visible()
        _unfold(page, "ledger")
        ledger.wait_for()
