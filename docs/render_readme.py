"""Writes the reference run's report into README.md, its picture into docs/images/, and its
report.md with charts beside it.

`python docs/render_readme.py` rebuilds them, `--check` only says whether they are current. A chart
is current if it was made from today's specification: its pixels depend on the machine's fonts.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from harness.report.charts.chart import vega_lite
from harness.report.charts.galleries import galleries
from harness.report.formats.as_text import as_text, draw
from harness.report.formats.content import content_of
from harness.report.formats.files import IMAGES, TEXT
from harness.report.formats.illustrated import WIDTH as CHART_WIDTH
from harness.report.formats.illustrated import illustrated
from harness.report.view.cells import RunView, view_of
from harness.report.words.look import Look
from harness.results.samples.pooled import pooled
from harness.results.store.run_folders import read_run

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = Path("results/reference")
README = ROOT / "README.md"
PICTURE = ROOT / "docs/images/report.svg"
BEGIN, END = "<!-- report:begin -->", "<!-- report:end -->"
WIDTH = 100


def main() -> int:
    """Rebuild, or with `--check` compare; 1 if something is out of date."""
    os.chdir(ROOT)
    record = read_run(REFERENCE)
    view = view_of(record, REFERENCE, pooled(REFERENCE, record))
    made = illustrated(view, IMAGES)
    charts = _signed(view, made.images)
    wanted = {README: _readme(view), PICTURE: _picture(view), ROOT / REFERENCE / TEXT: made.text}
    stale = [path for path, text in wanted.items() if _stored(path) != text]
    stale += [
        path for path, text in charts.items() if _signature(_stored(path)) != _signature(text)
    ]
    wanted |= charts
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run make docs\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


def _signed(view: RunView, images: Mapping[str, str]) -> dict[Path, str]:
    """The images, each with the digest of what it was made from."""
    specs = {
        f"{chart.key}.svg": json.dumps(vega_lite(chart, CHART_WIDTH), sort_keys=True)
        for gallery in galleries(view)
        for chart in gallery.charts
    }
    digests = {name: hashlib.sha256(spec.encode()).hexdigest() for name, spec in specs.items()}
    return {
        ROOT / REFERENCE / IMAGES / name: f"{svg}\n<!-- specification {digests[name]} -->\n"
        for name, svg in images.items()
    }


def _signature(svg: str | None) -> str | None:
    found = re.search(r"<!-- specification (\w+) -->", svg or "")
    return found[1] if found else None


def _readme(view: RunView) -> str:
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"README.md has no {BEGIN} ... {END}")
    report = as_text(view, Look(width=WIDTH))
    return f"{before}{begin}\n```text\n{report}```\n{end}{after}"


def _picture(view: RunView) -> str:
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    draw(console, content_of(view))
    return console.export_svg(title="harness report reference", unique_id="report")


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
