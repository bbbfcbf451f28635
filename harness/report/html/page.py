"""`report.html`: the content of every other report, charts, and nothing from the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.report.charts.chart import SCHEMA, Chart, Gallery, Spec, wrapped
from harness.report.charts.galleries import galleries
from harness.report.charts.theme import DARK, LIGHT
from harness.report.formats.content import Content, content_of
from harness.report.html.libraries import libraries
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


def as_html(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole page."""
    content = content_of(view)
    first, rest = _divided(view, content)
    drawn = galleries(view)
    subjects = list(_subjects(view, rest, [one for one in drawn if not one.folded]))
    folded = [_subject(one) for one in drawn if one.folded]
    environment = _environment()
    script, early = _file("page.js"), _file("early.js")
    page = environment.get_template("page.html.jinja").render(
        content=content,
        first_tables=first,
        subjects=subjects,
        folded=folded,
        sections=list(_sections(content, subjects, folded)),
        environment=list(_further_facts(view.record)),
        label_head="cell",
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


def _divided(view: RunView, content: Content) -> tuple[tuple[Table, ...], tuple[Table, ...]]:
    """The tables that the answer rests on, and the others."""
    verdicts = len(verdict_tables(view.gates, view.comparison))
    return content.tables[:verdicts], content.tables[verdicts:]


def _subjects(
    view: RunView, tables: Sequence[Table], drawn: Sequence[Gallery]
) -> Iterator[_Subject]:
    placed: set[str] = set()
    for gallery in drawn:
        begins = _SUBJECTS.get(gallery.key, ())
        with_it = tuple(table for table in tables if begins and table.title.startswith(begins))
        placed |= {table.title for table in with_it}
        yield _subject(gallery, with_it)
    yield _Subject("ledger", "Ledger", tables=(ledger_table(view),))
    others = tuple(table for table in tables if table.title not in placed)
    if others:
        yield _Subject("further", "Further tables", tables=others)


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
