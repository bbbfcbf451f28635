"""A comparison as a report of its own: what `harness compare` and `harness ab` print."""

from __future__ import annotations

from typing import Literal, get_args

from harness.report.as_markdown import markdown_of
from harness.report.content import Content
from harness.report.look import Look
from harness.report.verdicts import comparison_table, verdict_cautions
from harness.results.comparison import ComparisonReport
from harness.scenario.wording import printable

Format = Literal["text", "md", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
_PLAIN = Look()


def render(report: ComparisonReport, form: Format, look: Look = _PLAIN) -> str:
    """The comparison, ending in a newline; `json` is the stored form as it is."""
    if form == "json":
        return report.model_dump_json(indent=1) + "\n"
    content = _content(report)
    if form == "md":
        return markdown_of(content)
    from harness.report.as_text import text_of  # noqa: PLC0415 - rich: only for terminals

    return text_of(content, look)


def _content(report: ComparisonReport) -> Content:
    first, *others = [*verdict_cautions(report), ""]
    return Content(
        state=first,
        title=printable(f"{report.head} against {report.base}"),
        question="",
        facts=(),
        tables=(comparison_table(report),),
        remarks=tuple(filter(None, [summary_sentence(report), *others])),
        troubles=(),
        cautions=(),
        folder="",
    )


def summary_sentence(report: ComparisonReport) -> str:
    """`8 comparisons: 1 regression, 1 improved, 5 no change, 1 inconclusive.`"""
    counts = {
        word.replace("_", " "): sum(one.verdict == word for one in report.judged)
        for word in ("regression", "improved", "no_change", "inconclusive")
    }
    words = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{len(report.judged)} comparisons: {words}." if words else "Nothing was compared."
