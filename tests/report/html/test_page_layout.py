"""How much of a page there is before anything is unfolded, that no name is broken and no verdict
out of sight, and that the first screens look as the kept pictures do. In a real Chromium, headless.

HARNESS_WRITE_GOLDEN=1 takes the pictures anew: look at them.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from harness.report.html.page import as_html
from harness.report.registry import view_stored
from harness.report.words.look import Look
from harness.results.block.salvage import salvaged
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import read_run
from tests.cli.project import ROOT
from tests.report.charts.test_charts import compared_run
from tests.report.html.test_page_in_browser import DESKTOP, opened, tab
from tests.report.made import records
from tests.report.made.matrix_records import long_matrix_run, matrix_run

PHONE = (390, 844)
HIGHEST = 6000
PICTURES = Path(__file__).parent / "pictures"
STORED = {path.name: path for path in sorted((ROOT / "tests/report/stored_runs").iterdir())}
STORED["reference"] = ROOT / "results/reference"
MADE: dict[str, Callable[[], RunRecord]] = {
    "matrix": matrix_run,
    "long-matrix": long_matrix_run,
    "compared": lambda: compared_run(0.8),
    "losses": records.troubled_run,
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a stored or made run; made once."""
    made: dict[str, Path] = {}

    def page(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp("run") / name
            if name in STORED:
                shutil.copytree(STORED[name], folder)
                record = salvaged(folder, read_run(folder))
            else:
                folder.mkdir()
                record = MADE[name]()
            made[name] = folder / "page.html"
            made[name].write_text(as_html(view_stored(record, folder), Look()), encoding="utf-8")
        return made[name]

    return page


_BROKEN = """() => [...document.querySelectorAll('.figures .whole')].filter((word) => {
  const tops = new Set([...word.getClientRects()].map((one) => Math.round(one.top)));
  return word.offsetParent && tops.size > 1;
}).map((word) => word.textContent)"""
"""Names in tables that take more than one line."""
_OUT_OF_SIGHT = """() => [...document.querySelectorAll('.figures td.words')].filter((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const box = range.getBoundingClientRect();
  return cell.textContent && (box.width === 0 || box.left < 0 || box.right > innerWidth);
}).map((cell) => cell.textContent)"""
"""Verdicts and outcomes that one has to scroll for."""


@pytest.mark.parametrize("name", [*STORED, *MADE])
def test_a_page_is_short_and_its_tables_whole(
    browser: Browser, pages: Callable[[str], Path], name: str
) -> None:
    for size in (DESKTOP, PHONE):
        with opened(browser, pages(name), size) as page:
            assert page.evaluate("document.documentElement.scrollHeight") < HIGHEST
            assert page.locator("details.subject:not([open])").count() >= 3
            page.evaluate("harnessDrawAll()")
            assert page.evaluate("document.documentElement.scrollWidth") == size[0]
            assert page.evaluate(_BROKEN) == []
            assert page.evaluate(_OUT_OF_SIGHT) == []


# --- pictures -------------------------------------------------------------------------------------

_COMPARED = """async ([one, other]) => {
  const cells = async (source) => {
    const image = new Image();
    image.src = `data:image/png;base64,${source}`;
    await image.decode();
    const canvas = new OffscreenCanvas(16, 12);
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, 16, 12);
    return [...context.getImageData(0, 0, 16, 12).data];
  };
  const [mine, theirs] = [await cells(one), await cells(other)];
  const apart = mine.map((value, index) => Math.abs(value - theirs[index]));
  return [apart.reduce((sum, value) => sum + value, 0) / apart.length, Math.max(...apart)];
}"""
"""How far apart two pictures are, of 255, in the mean and at most, over 16 x 12 fields: fonts and
versions of the browser move letters within a field; a block that is missing, of another colour or
elsewhere fills fields of its own."""
_APART = {DESKTOP: (3.0, 30.0), PHONE: (8.0, 70.0)}
"""What another font alone may do: measured with a monospaced one (1.7 and 15, 6.5 and 57)."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["matrix", "brokers", "reference"])
def test_the_first_screen_looks_as_it_did(
    browser: Browser, pages: Callable[[str], Path], name: str, size: tuple[int, int], scheme: str
) -> None:
    kept = PICTURES / f"{name}-{size[0]}-{scheme}.png"
    with opened(browser, pages(name), size, scheme=scheme, scale=0.5) as page:
        page.evaluate(
            "Promise.all([...document.querySelectorAll('.chart')].filter((one) => "
            "one.getBoundingClientRect().top < innerHeight && one.offsetParent).map((one) => "
            "new Promise((done) => { const look = () => one.querySelector('svg') ? done() "
            ": setTimeout(look, 20); look(); })))"
        )
        taken = page.screenshot()
        if os.environ.get("HARNESS_WRITE_GOLDEN"):
            PICTURES.mkdir(exist_ok=True)
            kept.write_bytes(taken)
        assert kept.exists(), "HARNESS_WRITE_GOLDEN=1 takes it"
    mean, most = _apart(browser, kept.read_bytes(), taken)
    assert mean <= _APART[size][0]
    assert most <= _APART[size][1]


def test_pictures_of_unlike_pages_are_apart(browser: Browser) -> None:
    """The comparison can fail: of another theme, and of another page in the same one."""
    light, dark = (PICTURES / f"matrix-1280-{scheme}.png" for scheme in ("light", "dark"))
    assert _apart(browser, light.read_bytes(), dark.read_bytes())[0] > 100
    other = PICTURES / "reference-1280-light.png"
    mean, most = _apart(browser, light.read_bytes(), other.read_bytes())
    assert mean > _APART[DESKTOP][0]
    assert most > _APART[DESKTOP][1]


def _apart(browser: Browser, one: bytes, other: bytes) -> tuple[float, float]:
    pictures = [base64.b64encode(picture).decode() for picture in (one, other)]
    found: Any = tab(browser, 1).evaluate(_COMPARED, pictures)
    return found[0], found[1]
