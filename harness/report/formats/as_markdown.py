"""The report as GitHub Markdown, for pull requests and job summaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.report.formats.content import Content, content_of
from harness.report.tables.main import OUTCOME, Row, Table
from harness.report.view.cells import RunView
from harness.report.words.escaping import markdown_block, markdown_code, markdown_text
from harness.report.words.look import Look
from harness.results.judge.emulators import WORD

FLAG = "⚠️"


def as_markdown(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The whole report of a run as Markdown, for files and pages that render it."""
    return markdown_of(content_of(view))


def markdown_of(content: Content, charts: Iterable[str] = ()) -> str:
    """A report, or the part of one that is to be shown. `charts`: lines of Markdown between the
    facts and the tables. What went wrong and warnings stand before charts."""
    return "\n".join(_lines(content, [*charts])) + "\n"


def _lines(content: Content, charts: list[str]) -> Iterator[str]:
    if content.state:
        yield from (f"> {FLAG} **{markdown_text(content.state)}**", "")
    yield from (f"### {markdown_text(content.title)}", "")
    if content.question:
        yield from (markdown_text(content.question), "")
    yield from _answer(content)
    for name, value in content.facts:
        yield f"- {markdown_code(name)}: {markdown_text(value)}"
    if charts:
        yield from (*_troubles(content), *_cautions(content))
    yield from charts
    for table in content.tables:
        yield ""
        yield from _table(table)
    for remark in content.remarks:
        yield from ("", markdown_text(remark))
    if not charts:
        yield from (*_troubles(content), *_cautions(content))
    if content.folder:
        yield from ("", f"Run folder: {markdown_code(content.folder)}")


def _answer(content: Content) -> Iterator[str]:
    for sentence in content.sentences:
        flag = f"{FLAG} " if sentence.flagged else ""
        yield f"- {flag}**{markdown_text(sentence.text)}**"
    if content.sentences:
        yield ""
    if content.glance is not None:
        yield from (*_table(content.glance), "")


def _table(table: Table) -> Iterator[str]:
    yield f"**{markdown_text(table.title)}**"
    yield ""
    places = table.places or ("",)
    heads = (markdown_text(head) for head in (*places, *table.head))
    yield f"|{'|'.join(f' {head} ' if head else ' ' for head in heads)}|"
    marks = (":---" if head == OUTCOME else "---:" for head in table.head)
    yield f"| {' | '.join([*[':---'] * len(places), *marks])} |"
    empty = " |" * (len(table.head) + len(places) - 1)
    for section in table.sections:
        if section.title:
            yield f"| **{markdown_code(section.title)}** |{empty}"
        for row in section.rows:
            yield _row(row)
    yield ""
    yield f"<sub>{markdown_text(table.note)}</sub>"


def _row(row: Row) -> str:
    first, *others = row.places or (row.label,)
    label = f"&nbsp;&nbsp;{markdown_text(first)}" if row.part else _label(first)
    cells = [markdown_text(cell) for cell in row.cells]
    if row.flagged:
        label, cells = f"{FLAG} {label}", [f"**{cell}**" if cell else "" for cell in cells]
    named = [label, *(markdown_code(one) if one else "" for one in others)]
    return f"| {' | '.join([*named, *cells])} |"


def _label(label: str) -> str:
    name, emulator, _ = label.partition(f" {WORD}")
    return markdown_code(name) + emulator


def _troubles(content: Content) -> Iterator[str]:
    if content.troubles:
        yield from ("", "**What went wrong**", "")
    for trouble in content.troubles:
        first, *rest = trouble.what
        yield f"- {FLAG} {markdown_code(trouble.where)}: {markdown_text(first)}"
        if rest:
            block = markdown_block(rest).splitlines()
            yield from ("", *(f"  {line}" for line in block), "")


def _cautions(content: Content) -> Iterator[str]:
    if content.cautions:
        yield from ("", "**Warnings**", "")
    for caution in content.cautions:
        yield f"- {markdown_text(caution.sentence)}"
        for place in caution.places:
            yield f"  - {markdown_text(place)}"
