"""Writes the reference run's report into README.md, and its picture into docs/images/.

`python docs/render_readme.py` rebuilds both, `--check` only says whether they are current.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console

from harness.report.as_text import as_text, draw
from harness.report.cells import RunView, view_of
from harness.report.content import content_of
from harness.report.look import Look
from harness.results.pooled import pooled
from harness.results.store import read_run

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = Path("results/reference")
README = ROOT / "README.md"
PICTURE = ROOT / "docs/images/report.svg"
BEGIN, END = "<!-- report:begin -->", "<!-- report:end -->"
WIDTH = 100


def main() -> int:
    """Rebuild, or with `--check` compare; 1 if something is out of date."""
    folder = ROOT / REFERENCE
    record = read_run(folder)
    view = view_of(record, REFERENCE, pooled(folder, record))
    wanted = {README: _readme(view), PICTURE: _picture(view)}
    stale = [path for path, text in wanted.items() if _stored(path) != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run make docs\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


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
