"""`report.html`: the content of every other report, charts, and nothing from the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.report.charts.chart import SCHEMA, Chart, Gallery, Spec, wrapped
from harness.report.charts.galleries import galleries
from harness.report.charts.theme import DARK, LIGHT
from harness.report.formats.content import Content, content_of
from harness.report.html.libraries import libraries
from harness.report.tables.effects import effect_tables
from harness.report.tables.ledger import ledger_table
from harness.report.tables.main import OUTCOME, Table
from harness.report.tables.verdicts import verdict_tables
from harness.report.view.cells import RunView
from harness.report.words.look import Look
from harness.results.record.run import RunRecord
from harness.scenario.files.wording import printable

if TYPE_CHECKING:
    from jinja2 import Environment

_FIRST = ("Results", "Backlog", "How much it takes")
"""Begins of the titles of tables of throughput and latency."""
_SUBJECTS: dict[str, tuple[str, ...]] = {
    "ratios": ("Compared with", "Which layer"),
    "throughput": _FIRST,
    "phases": ("Where the time goes", "Beside the phases"),
    "rates": ("Rates tried", "Phases of the load"),
    "costs": ("What a task costs", "Peak memory"),
}
"""Gallery -> begins of the titles of tables that stand with it. All others stand by themselves."""
_SHOWN_PLACES = 6
"""Blocks in which something went wrong that are named before a reader asks for more."""
_OPEN_CHARTS, _OPEN_ROWS = 2, 24
"""What a subject may hold that stands open from the beginning."""
_AXIS, _LEGEND_BESIDE, _LEGEND_BELOW, _LEGEND_LINE, _LEGEND_SECOND_LINE = 50, 27, 22, 21, 14
"""Pixels below a chart: its axis; a legend on one line; else the legend's margin, each name, and
each further line of a name."""


@dataclass(frozen=True)
class _Subject:
    """A section of the page: charts, and tables of the same figures."""

    key: str
    title: str
    intro: str = ""
    missing: tuple[str, ...] = ()
    charts: tuple[Spec, ...] = ()
    tables: tuple[Table, ...] = ()
    open: bool = False
    """Unfolded from the beginning."""

    @property
    def inside(self) -> str:
        """What a reader finds when it is unfolded."""
        if not self.charts:
            return "; ".join(table.title for table in self.tables) or "nothing to draw, and why"
        counted = ((len(self.charts), "chart"), (len(self.tables), "table"))
        words = [f"{count} {noun}{'s' * (count > 1)}" for count, noun in counted if count]
        return ", ".join(words)


def as_html(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole report of a run as one HTML page, which needs no network."""
    content = content_of(view)
    drawn = galleries(view)
    subjects = _unfolded(list(_subjects(view, content, [one for one in drawn if not one.folded])))
    folded = [_subject(one) for one in drawn if one.folded]
    environment = _environment()
    script, early = _file("page.js"), _file("early.js")
    page = environment.get_template("page.html.jinja").render(
        content=content,
        glance=content.glance and _ordered(content.glance),
        subjects=subjects,
        shown_places=_SHOWN_PLACES,
        folded=folded,
        sections=list(_sections(content, subjects, folded)),
        environment=list(_further_facts(view.record)),
        outcome=OUTCOME,
        version=__version__,
        policy=_policy(early, libraries(), script),
        style=environment.filters["safe"](_file("page.css")),
        early_script=environment.filters["safe"](early),
        libraries=environment.filters["safe"](libraries()),
        script=environment.filters["safe"](script),
        themes=_json({"light": LIGHT, "dark": DARK}),
    )
    return page.rstrip("\n") + "\n"


# --- what stands where --------------------------------------------------------------------------


def _subjects(view: RunView, content: Content, drawn: Sequence[Gallery]) -> Iterator[_Subject]:
    verdicts = len(verdict_tables(view.gates, view.comparison))
    first = tuple(map(_ordered, content.tables[:verdicts]))
    tables = tuple(map(_ordered, content.tables[verdicts:]))
    axes = tables[: len(effect_tables(view.effects))]
    if axes:
        yield _Subject("axes", "Axes", tables=axes)
    if first:
        yield _Subject("verdicts", "Gates and comparisons", tables=first)
    placed = {table.title for table in axes}
    for gallery in drawn:
        begins = _SUBJECTS.get(gallery.key, ())
        with_it = tuple(table for table in tables if begins and table.title.startswith(begins))
        placed |= {table.title for table in with_it}
        yield _subject(gallery, with_it)
    yield _Subject("ledger", "Ledger", tables=(_ordered(ledger_table(view)),))
    others = tuple(table for table in tables if table.title not in placed)
    if others:
        yield _Subject("further", "Further tables", tables=others)


def _ordered(table: Table) -> Table:
    """With the outcome beside the name: a wide table is moved sideways under both."""
    if OUTCOME not in table.head:
        return table
    at = table.head.index(OUTCOME)

    def moved(texts: tuple[str, ...]) -> tuple[str, ...]:
        return (texts[at], *texts[:at], *texts[at + 1 :])

    sections = (
        replace(
            section,
            rows=tuple(replace(row, cells=moved(row.cells)) for row in section.rows),
        )
        for section in table.sections
    )
    return replace(table, head=moved(table.head), sections=tuple(sections))


def _unfolded(subjects: Sequence[_Subject]) -> list[_Subject]:
    """The first subject that has little in it stands open: details are there on demand."""
    small = (
        one
        for one in subjects
        if one.key in ("axes", "ratios", "throughput")
        and len(one.charts) <= _OPEN_CHARTS
        and sum(len(part.rows) for table in one.tables for part in table.sections) <= _OPEN_ROWS
    )
    first = next(small, None)
    return [replace(one, open=one is first) for one in subjects]


def _subject(gallery: Gallery, tables: tuple[Table, ...] = ()) -> _Subject:
    charts = []
    for chart, before in zip(gallery.charts, (None, *gallery.charts), strict=False):
        # A row of charts is read in the same way: what was said of the first holds for them.
        said = before is not None and before.note == chart.note
        charts.append(_chart(chart) | ({"note": ""} if said else {}))
    return _Subject(
        gallery.key, gallery.title, gallery.intro, gallery.missing, tuple(charts), tables
    )


def _sections(
    content: Content, subjects: Sequence[_Subject], folded: Sequence[_Subject]
) -> Iterator[tuple[str, str] | dict[str, str]]:
    yield {"key": "content", "title": "Answer"}
    if content.troubles:
        yield {"key": "troubles", "title": "What went wrong"}
    if content.cautions:
        yield {"key": "warnings", "title": "Warnings"}
    yield from ({"key": one.key, "title": one.title} for one in subjects)
    if folded:
        yield {"key": "time", "title": "Over time"}
    yield {"key": "environment", "title": "Environment"}


def _further_facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    """What the other reports leave to run.json."""
    packages = record.environment.packages
    if packages:
        yield "packages", printable(", ".join(f"{name} {v}" for name, v in packages.items()))
    yield "scenario", printable(f"{record.source}, seed {record.seed}")
    if record.ended_at:
        yield "ended", printable(f"{record.ended_at[:19].replace('T', ' ')} UTC")
    yield "blocks", f"{len(record.blocks)} of {len(record.order)}, in an order shuffled by the seed"


# --- how it is written --------------------------------------------------------------------------


def _chart(chart: Chart) -> Spec:
    body = {
        "description": f"{chart.title}. {chart.note}",
        "spec": {"$schema": SCHEMA, **chart.spec},
        "data": {
            name: {"names": columns.names, "rows": columns.rows}
            for name, columns in chart.data.items()
        },
        "shown": chart.shown,
        "heads": dict(chart.heads),
    }
    return {
        "key": chart.key,
        "title": chart.title,
        "note": chart.note,
        "height": _room(chart.spec),
        "json": _json(body),
    }


def _room(spec: Spec) -> int:
    """Pixels to keep for a chart that is drawn later: else the page jumps under a reader's hand,
    and a click lands elsewhere."""
    height = spec["height"] + _AXIS
    for layer in spec.get("layer", ()):
        color = layer.get("encoding", {}).get("color", {})
        legend = color.get("legend")
        if legend:
            beside = legend.get("direction") == "horizontal"
            names = color["scale"]["domain"]
            more = sum(wrapped(name).count("\n") for name in names)
            below = _LEGEND_BELOW + _LEGEND_LINE * len(names) + _LEGEND_SECOND_LINE * more
            return int(height + (_LEGEND_BESIDE if beside else below))
    return int(height)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see as_html

    return Environment(
        loader=PackageLoader("harness.report.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _json(value: object) -> Any:
    """For a script element: `<`, `>`, `&` and all that is not ASCII are escaped."""
    from jinja2.utils import htmlsafe_json_dumps  # noqa: PLC0415 - see as_html

    return htmlsafe_json_dumps(value, separators=(",", ":"))


def _policy(*scripts: str) -> str:
    """Nothing may be loaded, and no script may run but the page's own three, without `eval`.
    Styles are inline: Vega sets them on what it draws."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _file(name: str) -> str:
    return resources.files("harness.report.html").joinpath(name).read_text(encoding="utf-8")
