"""Name of a format -> what renders it. Installed packages may add formats, see docs/plugins.md.

Example: an exporter is a pure function of a stored run. `record` is what `read_run(folder)` gave of
a run of one cell.
    >>> def as_progress(view: RunView, look: Look) -> str:
    ...     return ", ".join(f"{len(one.blocks)} of {one.planned}" for one in view.cells)
    >>> as_progress(view_stored(record, folder), Look())
    '1 of 1'
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from harness.errors import HarnessError, PluginError
from harness.plugins import Plugin, plugins
from harness.report.formats.as_csv import as_csv
from harness.report.formats.as_json import as_json
from harness.report.formats.as_markdown import as_markdown
from harness.report.view.cells import RunView, view_of
from harness.report.words.look import Look
from harness.results.record.run import RunRecord
from harness.results.samples.pooled import pooled
from harness.results.store.liveness import is_being_written

Format = Literal[
    "text",
    "json",
    "md",
    "csv",
    "html",
    "md-summary",
    "md-comment",
    "junit",
    "pytest-benchmark",
    "pyperf",
    "github-benchmark-bigger",
    "github-benchmark-smaller",
    "bmf",
    "openmetrics",
    "hgrm",
    "hdrlog",
]
FORMATS: tuple[Format, ...] = get_args(Format)
FOR_PEOPLE: frozenset[Format] = frozenset({"text", "json", "md", "csv", "html"})
"""The formats of the harness' own; all others are for a tool that teams already have."""
SEVERAL_FILES: Mapping[str, Mapping[str, Format]] = {
    "github-benchmark": {
        "bigger": "github-benchmark-bigger",
        "smaller": "github-benchmark-smaller",
    },
}
"""Formats that are a file per direction: what ends the name of each, and its format."""
FILE_PER_CELL: frozenset[Format] = frozenset({"hgrm"})
"""Formats whose readers expect one cell in a file."""
Renderer = Callable[[RunView, Look], str]


def _late(module: str, name: str) -> Renderer:
    """A renderer whose module is imported when it is used: one report needs one format."""

    def rendered(view: RunView, look: Look) -> str:
        renderer: Renderer = getattr(importlib.import_module(module), name)
        return renderer(view, look)

    return rendered


_EXPORTS = "harness.report.exports"
RENDERERS: Mapping[Format, Renderer] = {
    "text": _late("harness.report.formats.as_text", "as_text"),
    "json": as_json,
    "md": as_markdown,
    "csv": as_csv,
    "html": _late("harness.report.html.page", "as_html"),
    "md-summary": _late(f"{_EXPORTS}.markdown", "as_summary"),
    "md-comment": _late(f"{_EXPORTS}.markdown", "as_comment"),
    "junit": _late(f"{_EXPORTS}.junit", "as_junit"),
    "pytest-benchmark": _late(f"{_EXPORTS}.pytest_benchmark", "as_pytest_benchmark"),
    "pyperf": _late(f"{_EXPORTS}.pyperf", "as_pyperf"),
    "github-benchmark-bigger": _late(f"{_EXPORTS}.github_benchmark", "as_bigger_is_better"),
    "github-benchmark-smaller": _late(f"{_EXPORTS}.github_benchmark", "as_smaller_is_better"),
    "bmf": _late(f"{_EXPORTS}.bmf", "as_bmf"),
    "openmetrics": _late(f"{_EXPORTS}.openmetrics", "as_openmetrics"),
    "hgrm": _late(f"{_EXPORTS}.hdr", "as_hgrm"),
    "hdrlog": _late(f"{_EXPORTS}.hdr", "as_hdrlog"),
}

_PLAIN = Look()


def view_stored(record: RunRecord, folder: Path) -> RunView:
    """A run as reports show it. Reads the samples of cells of several blocks."""
    alive = is_being_written(folder) if record.status == "running" else None
    return view_of(record, folder, pooled(folder, record), being_written=alive)


def formats_for_tools() -> tuple[str, ...]:
    """What other tools read: the exports that come along, then those of installed packages.

    PluginError where an installed package gives its format a name that is taken.
    """
    own = tuple(form for form in FORMATS if form not in FOR_PEOPLE)
    added = plugins("exporters")
    for name, plugin in added.items():
        if name in FORMATS or name in SEVERAL_FILES:
            raise PluginError(f"{plugin}: {name} is a format of the harness; give it another name")
    return (*own, *SEVERAL_FILES, *added)


def render(record: RunRecord, folder: Path, form: str, look: Look = _PLAIN) -> str:
    """A report of a run, ending in a newline; see `view_stored`.

    `form` is one of FORMATS, or the name of an exporter of an installed package. Raises RecordError
    where the format has no way to say what the record holds, PluginError where the package fails.
    """
    view = view_stored(record, folder)
    for known, renderer in RENDERERS.items():
        if known == form:
            return renderer(view, look)
    return _exported(plugins("exporters")[form], view, look)


def _exported(plugin: Plugin, view: RunView, look: Look) -> str:
    exporter: Renderer = plugin.load()
    try:
        text = exporter(view, look)
    except HarnessError:
        raise
    except Exception as error:
        raise plugin.failed(error) from error
    if not isinstance(text, str):
        raise plugin.failed(TypeError(f"it made a {type(text).__name__}, text was expected"))
    return text if text.endswith("\n") else f"{text}\n"
