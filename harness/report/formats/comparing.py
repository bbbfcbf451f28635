"""A comparison as a report of its own: what `harness compare` and `harness ab` print."""

from __future__ import annotations

import csv
import io
from typing import Literal, get_args

from harness.report.formats.as_markdown import markdown_of
from harness.report.formats.content import Content
from harness.report.tables.verdicts import comparison_tables, verdict_cautions
from harness.report.view.names import shown_names
from harness.report.words.escaping import spreadsheet_text
from harness.report.words.look import Look
from harness.results.record.comparison import Comparison, ComparisonReport
from harness.scenario.files.wording import printable

Format = Literal["text", "md", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
_PLAIN = Look()


def render(report: ComparisonReport, form: Format, look: Look = _PLAIN) -> str:
    """The comparison, ending in a newline; `json` is the stored form as it is, `csv` has a row
    per comparison with the same names."""
    if form == "json":
        return report.model_dump_json(indent=1) + "\n"
    if form == "csv":
        return _csv(report)
    content = _content(report)
    if form == "md":
        return markdown_of(content)
    from harness.report.formats.as_text import text_of  # noqa: PLC0415 - rich: only for terminals

    return text_of(content, look)


def _csv(report: ComparisonReport) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(Comparison.model_fields), lineterminator="\n")
    writer.writeheader()
    for one in report.comparisons:
        writer.writerow({name: _field(value) for name, value in one.model_dump().items()})
    return file.getvalue()


def _field(value: str | float | bool | None) -> str | float:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return spreadsheet_text(printable(value))
    return "" if value is None else value


def _content(report: ComparisonReport) -> Content:
    names = shown_names(name for one in report.comparisons for name in (one.base, one.head))
    report = names.in_comparison(report)
    first, *others = [*verdict_cautions(report), ""]
    title = f"{report.head} against {report.base}"
    return Content(
        state=first,
        title=printable(f"{report.run}: {title}" if report.run else title),
        question="",
        sentences=(),
        glance=None,
        facts=tuple(("everywhere", printable(words)) for words in names.everywhere),
        tables=comparison_tables(report),
        remarks=tuple(filter(None, others)),
        troubles=(),
        cautions=(),
        folder="",
    )
