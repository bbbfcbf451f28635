"""The files that a run's folder holds for readers: `report.html`, and `report.md` with images."""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.errors import RecordError
from harness.report.formats.illustrated import illustrated
from harness.report.html.page import as_html
from harness.report.registry import view_stored
from harness.report.words.look import Look
from harness.results.record.run import RunRecord

PAGE, TEXT, IMAGES = "report.html", "report.md", "report"


def write_files(record: RunRecord, folder: Path) -> tuple[Path, ...]:
    """Write both, each whole or not at all, in place of those of an earlier time.

    Returns the two reports' paths. RecordError names the file that cannot be written.
    """
    view = view_stored(record, folder)
    page, text = folder / PAGE, folder / TEXT
    _write(page, as_html(view, Look()))
    made = illustrated(view, IMAGES)
    images = folder / IMAGES
    for name, svg in made.images.items():
        _write(images / name, svg)
    _write(text, made.text)
    _remove_others(images, set(made.images))
    return page, text


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)  # a full disk needs its room
        raise RecordError(f"cannot write {path}: {error.strerror}") from error


def _remove_others(images: Path, wanted: set[str]) -> None:
    """Images of an earlier report that this one does not show."""
    try:
        for image in images.glob("*.svg"):
            if image.name not in wanted:
                image.unlink()
    except OSError as error:
        raise RecordError(f"cannot tidy {images}: {error.strerror}") from error
