"""`report.md` with images: reads well on a code host, where a page with scripts is not shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape

from harness.extras import needs
from harness.report.charts.chart import Chart, Gallery, vega_lite
from harness.report.charts.galleries import galleries
from harness.report.charts.lines import HOVER
from harness.report.formats.as_markdown import markdown_of
from harness.report.formats.content import content_of
from harness.report.view.cells import RunView
from harness.report.words.escaping import markdown_text

WIDTH = 720
MOST_IMAGES = 24
"""More make no page that is read; the rest is in report.html."""
_TITLE = re.compile(r"<svg [^>]*>")


@dataclass(frozen=True)
class Illustrated:
    """A Markdown report and its images."""

    text: str
    images: Mapping[str, str]
    """File name -> SVG."""


def illustrated(view: RunView, images_in: str) -> Illustrated:
    """The report as `as_markdown` writes it, with images of the folder `images_in`; where the extra
    `charts` is not installed without them, which it says in their place."""
    drawn = [gallery for gallery in galleries(view) if not gallery.folded and gallery.charts]
    every = [chart for gallery in drawn for chart in gallery.charts]
    if every and (lacking := needs("drawing them here", "charts", "vl_convert")):
        said = markdown_text(f"The charts are in report.html; {lacking}.")
        return Illustrated(markdown_of(content_of(view), ["", said]), {})
    chosen = {chart.key for chart in _spread(drawn)}
    lines = [line for gallery in drawn for line in _gallery(gallery, chosen, images_in)]
    if len(chosen) < len(every):
        left_out = len(every) - len(chosen)
        lines += ["", f"{left_out} more charts are in report.html, and all of them over time."]
    images = {f"{chart.key}.svg": svg_of(chart) for chart in every if chart.key in chosen}
    return Illustrated(markdown_of(content_of(view), lines), images)


def svg_of(chart: Chart, width: int = WIDTH) -> str:
    """A chart on white, fit for light and dark pages."""
    import vl_convert  # noqa: PLC0415 - 84 MB that other reports need not map

    spec = vega_lite(chart, width)
    spec["layer"] = [layer for layer in spec["layer"] if layer.get("name") != HOVER]
    svg: str = vl_convert.vegalite_to_svg(spec)
    # What stands beside the image in the report, for those who open it alone.
    return _TITLE.sub(lambda tag: f"{tag[0]}<title>{escape(chart.title)}</title>", svg, count=1)


def begin_drawing() -> None:
    """Start what draws, if it is installed. The first image of a process waits 0.4 s for that."""
    with suppress(ImportError):
        import vl_convert  # noqa: PLC0415 - see `svg_of`

        nothing: dict[str, object] = {"mark": "point", "data": {"values": [{}]}, "encoding": {}}
        vl_convert.vegalite_to_svg(nothing)


def _spread(drawn: Sequence[Gallery]) -> Iterator[Chart]:
    """The first charts of each subject, in turn, until there are enough."""
    left = MOST_IMAGES
    for place in range(max((len(gallery.charts) for gallery in drawn), default=0)):
        for gallery in drawn:
            if place < len(gallery.charts) and left:
                left -= 1
                yield gallery.charts[place]


def _gallery(gallery: Gallery, chosen: set[str], images_in: str) -> Iterator[str]:
    yield from ("", f"#### {markdown_text(gallery.title)}", "", markdown_text(gallery.intro))
    for words in gallery.missing:
        yield from ("", markdown_text(words))
    note = ""
    for chart in gallery.charts:
        if chart.key not in chosen:
            continue
        alt = markdown_text(chart.title)
        yield from ("", f"**{alt}**", "", f"![{alt}]({images_in}/{chart.key}.svg)")
        if chart.note != note:
            note = chart.note
            yield from ("", f"<sub>{markdown_text(note)}</sub>")
