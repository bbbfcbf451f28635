"""The Markdown report within the limits of the places where CI shows it.

GitHub refuses a step summary above 1024 KiB (the whole step's), and a comment above 65,536
characters. What does not fit is left out by whole rows, and the report says how many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from harness.report.formats.as_markdown import FLAG, markdown_of
from harness.report.formats.content import Content, content_of
from harness.report.tables.main import Section, Table
from harness.report.view.cells import RunView
from harness.report.words.look import Look

SUMMARY_BYTES = 1024 * 1024
COMMENT_BYTES = 64 * 1024
"""UTF-8 bytes of a comment at most: never more than as many characters."""
ROOM_BYTES = 2048
"""Left free for what a workflow writes before and after the report."""


def as_summary(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """A run as Markdown for `$GITHUB_STEP_SUMMARY`, shortened to what GitHub takes."""
    return within(content_of(view), SUMMARY_BYTES - ROOM_BYTES)


def as_comment(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """A run as Markdown for a comment on a pull request, shortened to what GitHub takes."""
    return within(content_of(view), COMMENT_BYTES - ROOM_BYTES)


def within(content: Content, limit_bytes: int) -> str:
    """The report, or as much of it as fits, what is most important first."""
    parts = tuple(_parts(content))
    whole = sum(part.size for part in parts)
    if _size(text := markdown_of(content)) <= limit_bytes:
        return text

    def shown(kept: int) -> str:
        return _shown(content, parts, kept, limit_bytes)

    fits, too_many = 0, whole
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _size(shown(middle)) <= limit_bytes:
            fits = middle
        else:
            too_many = middle
    text = shown(fits)
    return text if _size(text) <= limit_bytes else _cut(text, limit_bytes)


# --- what can be left out -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """Something of a report that has rows."""

    name: str
    size: int
    only: Callable[[Content, int], Content]
    """The content with the first n rows of this part."""


def _parts(content: Content) -> Iterator[_Part]:
    """From the most important one to what can be missed first."""
    yield _Part(
        "of what went wrong",
        len(content.troubles),
        lambda content, n: replace(content, troubles=content.troubles[:n]),
    )
    # Before the tables: that pairs were not interleaved has to be read with their ratios.
    yield _Part(
        "of the remarks",
        len(content.remarks),
        lambda content, n: replace(content, remarks=content.remarks[:n]),
    )
    if content.glance is not None:
        yield _glance_part(content.glance)
    for index, table in enumerate(content.tables):
        yield _table_part(index, table)
    yield _Part(
        "of the facts",
        len(content.facts),
        lambda content, n: replace(content, facts=content.facts[:n]),
    )
    yield _Part("of the warnings", sum(len(c.places) for c in content.cautions), _cautions)


def _glance_part(table: Table) -> _Part:
    def only(content: Content, n: int) -> Content:
        sections = tuple(_sections(table, n))
        return replace(content, glance=replace(table, sections=sections) if sections else None)

    rows = sum(len(section.rows) for section in table.sections)
    return _Part(f"of {table.title}", rows, only)


def _table_part(index: int, table: Table) -> _Part:
    def only(content: Content, n: int) -> Content:
        tables = list(content.tables)
        tables[index] = replace(table, sections=tuple(_sections(table, n)))
        return replace(content, tables=tuple(tables))

    rows = sum(len(section.rows) for section in table.sections)
    return _Part(f"of {table.title}", rows, only)


def _sections(table: Table, n: int) -> Iterator[Section]:
    left = n
    for section in table.sections:
        if left > 0:
            yield replace(section, rows=section.rows[:left])
        left -= len(section.rows)


def _cautions(content: Content, n: int) -> Content:
    """Every warning keeps its sentence; only the places where it was given are left out."""
    left, kept = n, []
    for caution in content.cautions:
        kept.append(replace(caution, places=caution.places[: max(0, left)]))
        left -= len(caution.places)
    return replace(content, cautions=tuple(kept))


def _shown(content: Content, parts: tuple[_Part, ...], kept: int, limit_bytes: int) -> str:
    left, out = kept, []
    for part in parts:
        rows = min(part.size, max(0, left))
        left -= rows
        if rows < part.size:
            content = part.only(content, rows)
            out.append(f"{part.size - rows:,} rows {part.name}")
    tables = tuple(table for table in content.tables if table.sections)
    words = f"Left out to stay below {limit_bytes / 1024:.0f} KiB: {'; '.join(out)}."
    notice = f"{words} The whole report: harness report RUN --format md"
    state = f"{content.state} {notice}" if content.state else notice
    return markdown_of(replace(content, tables=tables, state=state))


def _cut(text: str, limit_bytes: int) -> str:
    """Where even a report without rows is too long: whole lines, and a note at its head."""
    note = f"> {FLAG} **The rest of this report does not fit in {limit_bytes / 1024:.0f} KiB.**\n\n"
    kept, size = [], _size(note)
    for line in text.splitlines(keepends=True):
        size += _size(line)
        if size > limit_bytes:
            break
        kept.append(line)
    return note + "".join(kept)


def _size(text: str) -> int:
    return len(text.encode())
