"""The report for a terminal or a log: plain without colour, in 80 columns and more."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from harness.report.formats.content import Content, content_of
from harness.report.tables.main import OUTCOME, Row, Table
from harness.report.view.cells import RunView
from harness.report.words.look import Look

FLAG = "!"
"""Stands before a row in which something went wrong: colour alone is lost in logs."""
_GAP = "  "


def as_text(view: RunView, look: Look) -> str:
    """The whole report. Characters that `look.encoding` lacks are escaped."""
    return text_of(content_of(view), look)


def text_of(content: Content, look: Look) -> str:
    """Any content, drawn for a terminal."""
    buffer = io.BytesIO()
    console = console_for(buffer, look)
    draw(console, content)
    return written(console, buffer, look)


def console_for(buffer: io.BytesIO, look: Look) -> Console:
    """A console that writes a report for that look into `buffer`."""
    file = io.TextIOWrapper(buffer, look.encoding, errors="backslashreplace", newline="\n")
    return Console(
        file=file,
        width=look.width,
        force_terminal=look.color,
        color_system="standard" if look.color else None,
        legacy_windows=False,
        _environ={},
    )


def written(console: Console, buffer: io.BytesIO, look: Look) -> str:
    """All that was printed on it."""
    console.file.flush()
    return _without_trailing_spaces(buffer.getvalue().decode(look.encoding))


def draw(console: Console, content: Content) -> None:
    """Print a report on any console. Names are never read as markup."""
    if content.state:
        console.print(Text(content.state, "bold red"))
    if content.title:
        console.print(Text(content.title, "bold"))
    if content.question:
        console.print(Text(content.question, "italic"))
    _draw_answer(console, content)
    if content.facts:
        console.print()
        facts = RichTable.grid(padding=(0, 2, 0, 0))
        facts.add_column(overflow="fold", max_width=30)
        facts.add_column(overflow="fold", ratio=1)
        for name, value in content.facts:
            facts.add_row(Text(name, "dim"), Text(value))
        console.print(facts)
    for table in content.tables:
        console.print()
        _draw_table(console, table)
    if content.remarks:
        console.print()
    for remark in content.remarks:
        console.print(Text(remark))
    _draw_troubles(console, content)
    _draw_cautions(console, content)
    if not content.folder:
        return
    console.print()
    # One line, whatever its length: it is there to be copied.
    console.print(Text(content.folder), soft_wrap=True)


def _draw_answer(console: Console, content: Content) -> None:
    if content.sentences:
        console.print()
    for sentence in content.sentences:
        mark, style = (FLAG, "bold red") if sentence.flagged else ("-", "bold")
        _item(console, Text(f"{mark} {sentence.text}", style))
    if content.glance is not None:
        console.print()
        _draw_table(console, content.glance)


def _draw_table(console: Console, table: Table) -> None:
    console.print(Text(table.title, "bold"))
    rows = [row for section in table.sections for row in section.rows]
    layout = _Layout.fitting(table.head, rows, console.width)
    for line in layout.head(table.head):
        console.print(Text(line, "dim"), soft_wrap=True)
    for section in table.sections:
        console.print(Text(section.title, "bold cyan"), soft_wrap=True)
        for row in section.rows:
            style = "bold red" if row.flagged else "dim" if row.part else ""
            for line in layout.row(row):
                console.print(Text(line, style), soft_wrap=True)
    console.print(Text(table.note, "dim"))


@dataclass(frozen=True)
class _Layout:
    """Widths of a table's columns. Rich would drop columns that do not fit; here none is lost."""

    label: int
    """0: labels do not fit beside the figures and stand on a line of their own."""
    columns: tuple[int, ...]
    words: int
    """Index of the column that holds words, flush left and wrapped; -1 for none."""

    @classmethod
    def fitting(cls, head: Sequence[str], rows: Sequence[Row], width: int) -> _Layout:
        """As wide as the widest figures; what does not fit then is the words' width."""
        words = head.index(OUTCOME) if OUTCOME in head else -1
        columns = [
            max([*(cell_len(row.cells[index]) for row in rows), *map(len, head[index].split())])
            for index in range(len(head))
        ]
        label = max(cell_len(_label(row)) for row in rows)
        left = width - sum(columns) - len(_GAP) * len(columns)
        if words >= 0:
            left += columns[words]
            columns[words] = max(
                cell_len(part) for row in rows for part in _parts(row.cells[words])
            )
            left -= columns[words]
        if label > left:
            label = 0
        if words >= 0:
            columns[words] += max(0, left - label)
        return cls(label, tuple(columns), words)

    def head(self, head: Sequence[str]) -> list[str]:
        """Headings with a word below the other, resting on the figures."""
        words = [text.split() for text in head]
        height = max(map(len, words))
        filled = [[""] * (height - len(column)) + column for column in words]
        return [self._line("", [column[line] for column in filled]) for line in range(height)]

    def row(self, row: Row) -> list[str]:
        """The row's lines: its label, apart if need be, its figures, the rest of its words."""
        figures, rest = list(row.cells), []
        if self.words >= 0:
            first, *rest = _wrapped(figures[self.words], self.columns[self.words])
            figures[self.words] = first
        lines = [self._line(_label(row) if self.label else "", figures)]
        if not self.label:
            lines.insert(0, _label(row))
        for words in rest:
            blank = [""] * len(figures)
            blank[self.words] = words
            lines.append(self._line("", blank))
        return lines

    def _line(self, label: str, figures: Sequence[str]) -> str:
        parts = [label + " " * (self.label - cell_len(label))]
        for index, (text, width) in enumerate(zip(figures, self.columns, strict=True)):
            parts.append(text.ljust(width) if index == self.words else text.rjust(width))
        return _GAP.join(parts).rstrip()


def _parts(words: str) -> list[str]:
    """What an outcome may be broken into: `3 timed out` stays together."""
    return words.replace(", ", ",\n").split("\n")


def _wrapped(words: str, width: int) -> list[str]:
    lines: list[str] = []
    for part in _parts(words):
        if lines and cell_len(f"{lines[-1]} {part}") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines


def _label(row: Row) -> str:
    return f"{FLAG if row.flagged else ' '} {'  ' if row.part else ''}{row.label}"


def _draw_troubles(console: Console, content: Content) -> None:
    if not content.troubles:
        return
    console.print()
    console.print(Text("What went wrong", "bold red"))
    for trouble in content.troubles:
        first, *rest = trouble.what
        _item(console, Text(f"{FLAG} {trouble.where}: {first}", "red"))
        for line in rest:
            console.print(Padding(Text(line), (0, 0, 0, 4)))


def _draw_cautions(console: Console, content: Content) -> None:
    if not content.cautions:
        return
    console.print()
    console.print(Text("Warnings", "bold yellow"))
    for caution in content.cautions:
        _item(console, Text(f"- {caution.sentence}"))
        console.print(Padding(Text("; ".join(caution.places), "dim"), (0, 0, 0, 4)))


def _item(console: Console, text: Text) -> None:
    """A list entry whose further lines are indented."""
    mark, rest = text[:2], text[2:]
    grid = RichTable.grid()
    grid.add_column(width=2, no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    grid.add_row(mark, rest)
    console.print(grid)


def _without_trailing_spaces(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
