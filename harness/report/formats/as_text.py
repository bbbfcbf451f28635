"""The report for a terminal or a log: plain without colour, in 80 columns and more."""

from __future__ import annotations

import io
import textwrap
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
_WORDS_WIDTH = 48
"""Letters of an outcome that are kept on one line where that is possible."""


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
        facts.add_column(overflow="fold", max_width=max(30, console.width // 2))
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
    for number, layout in enumerate(_layouts(table, rows, console.width)):
        if number:
            console.print()
        for line in layout.head(table):
            console.print(Text(line, "dim"), soft_wrap=True)
        for section in table.sections:
            if section.title:
                for line in _broken_at_spaces(section.title, console.width, "    "):
                    console.print(Text(line, "bold cyan"), soft_wrap=True)
            for row in section.rows:
                style = "bold red" if row.flagged else "dim" if row.part else ""
                for line in layout.row(row):
                    console.print(Text(line, style), soft_wrap=True)
    console.print(Text(table.note, "dim"))


def _broken_at_spaces(words: str, width: int, indent: str = "") -> list[str]:
    """Lines of words in which names, which have no spaces, stay whole."""
    return textwrap.wrap(
        words, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def _layouts(table: Table, rows: Sequence[Row], width: int) -> list[_Layout]:
    """How a table is drawn: where columns say which row it is and not all figures have room beside
    them, in several parts, with the words in the first one."""
    every = tuple(range(len(table.head)))
    words = table.head.index(OUTCOME) if OUTCOME in table.head else -1
    labels = _label_widths(table, rows)
    needed = [_width(table, rows, index) + len(_GAP) for index in every]
    room = width - sum(labels) - len(_GAP) * (len(labels) - 1)
    if not table.places or max(needed) > room:
        return [_Layout.fitting(table, rows, width, every, labels)]
    parts: list[list[int]] = [[]]
    left = room - (needed[words] if words >= 0 else 0)
    for index in every:
        if index == words:
            continue
        if needed[index] > left:
            parts.append([])
            left = room
        parts[-1].append(index)
        left -= needed[index]
    if words >= 0:
        parts[0].append(words)
    return [_Layout.fitting(table, rows, width, tuple(part), labels) for part in parts if part]


def _label_widths(table: Table, rows: Sequence[Row]) -> tuple[int, ...]:
    if not table.places:
        return (max(cell_len(_label(row)) for row in rows),)
    heads = (f"  {table.places[0]}", *table.places[1:])
    columns = zip(heads, *map(_places, rows), strict=True)
    return tuple(max(map(cell_len, column)) for column in columns)


def _width(table: Table, rows: Sequence[Row], index: int) -> int:
    """What a column needs: its widest figure; of words, the longest that is not broken."""
    if table.head[index] == OUTCOME:
        return max(cell_len(part) for row in rows for part in _parts(row.cells[index]))
    figures = (cell_len(row.cells[index]) for row in rows)
    return max([*figures, *map(len, table.head[index].split())])


@dataclass(frozen=True)
class _Layout:
    """Widths of a table's columns. Rich would drop columns that do not fit; here none is lost."""

    labels: tuple[int, ...]
    """Empty: labels do not fit beside the figures and stand on a line of their own."""
    shown: tuple[int, ...]
    """Columns of the table that are drawn."""
    columns: tuple[int, ...]
    """Their widths."""
    words: int
    """Which of them holds words, flush left and wrapped; -1 for none."""
    places: tuple[str, ...]
    """Headings of the labels' columns, where they are taken apart."""
    width: int
    """Of the terminal."""

    @classmethod
    def fitting(
        cls,
        table: Table,
        rows: Sequence[Row],
        width: int,
        shown: tuple[int, ...],
        labels: tuple[int, ...],
    ) -> _Layout:
        """As wide as the widest figures; what does not fit then is the words' width."""
        heads = [table.head[index] for index in shown]
        words = heads.index(OUTCOME) if OUTCOME in heads else -1
        columns = [_width(table, rows, index) for index in shown]
        left = width - sum(columns) - len(_GAP) * len(columns)
        taken = sum(labels) + len(_GAP) * (len(labels) - 1)
        if taken > left:
            labels, taken = (), 0
        if words >= 0:
            columns[words] += max(0, left - taken)
        return cls(labels, shown, tuple(columns), words, table.places, width)

    def head(self, table: Table) -> list[str]:
        """Headings with a word below the other, resting on the figures."""
        words = [table.head[index].split() for index in self.shown]
        height = max(map(len, words))
        filled = [[""] * (height - len(column)) + column for column in words]
        lines = [[column[line] for column in filled] for line in range(height)]
        apart = self.places and self.labels
        labels = (f"  {self.places[0]}", *self.places[1:]) if apart else ()
        return [*(self._line((), line) for line in lines[:-1]), self._line(labels, lines[-1])]

    def row(self, row: Row) -> list[str]:
        """The row's lines: its label, apart if need be, its figures, the rest of its words."""
        figures, rest = [row.cells[index] for index in self.shown], []
        if self.words >= 0:
            first, *rest = _wrapped(figures[self.words], self.columns[self.words])
            figures[self.words] = first
        label = _places(row) if self.places else (_label(row),)
        lines = [self._line(label if self.labels else (), figures)]
        if not self.labels:
            lines[:0] = _broken_at_spaces(self._apart(row), self.width, "    ")
        for words in rest:
            blank = [""] * len(figures)
            blank[self.words] = words
            lines.append(self._line((), blank))
        return lines

    def _apart(self, row: Row) -> str:
        """A label on a line of its own; one that is taken apart can be broken between its parts."""
        if not row.places:
            return _label(row)
        first, *others = _places(row)
        said = (f"{head}={text}" for head, text in zip(self.places[1:], others, strict=True))
        return ", ".join([first, *said])

    def _line(self, labels: Sequence[str], figures: Sequence[str]) -> str:
        given = labels or [""] * len(self.labels)
        pairs = zip(given, self.labels, strict=True)
        parts = [text + " " * (width - cell_len(text)) for text, width in pairs] or [""]
        for index, (text, width) in enumerate(zip(figures, self.columns, strict=True)):
            parts.append(text.ljust(width) if index == self.words else text.rjust(width))
        return _GAP.join(parts).rstrip()


def _parts(words: str) -> list[str]:
    """What an outcome may be broken into: `3 timed out` stays together, a long reason does not."""
    parts = words.replace(", ", ",\n").split("\n")
    return [line for part in parts for line in _broken_at_spaces(part, _WORDS_WIDTH)]


def _wrapped(words: str, width: int) -> list[str]:
    lines: list[str] = []
    for part in _parts(words):
        if lines and cell_len(f"{lines[-1]} {part}") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines


def _places(row: Row) -> tuple[str, ...]:
    first, *others = row.places
    return (f"{FLAG if row.flagged else ' '} {'  ' if row.part else ''}{first}", *others)


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
