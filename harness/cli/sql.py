"""`harness sql`: any question to all stored runs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import click

from harness.cli.options import store_option
from harness.errors import UsageError
from harness.report.words.escaping import spreadsheet_text
from harness.results.store.catalog import Skipped, scan
from harness.results.store.database import Answer, answered
from harness.results.store.views import SAMPLES, TABLES, Column
from harness.scenario.files.wording import printable

FORMATS = ("text", "csv", "json")


def _epilog() -> str:
    lines = ["\b", "Tables and their columns (a block's latency_s and its phases are structs):"]
    for name, columns in TABLES.items():
        lines.append(f"  {name}" + (" (read only where a query names it)" if _late(name) else ""))
        lines += [f"    {_column(column)}".rstrip() for column in columns]
    lines += [
        "Examples:",
        '  harness sql "select scenario, count(*) from runs group by scenario"',
        '  harness sql "select cell_name, median(latency_s.p99) from blocks group by cell_name"',
        '  harness sql --format csv "select total_ns from units where block = 0"',
    ]
    return "\n".join(lines)


def _late(table: str) -> bool:
    return table in SAMPLES


def _column(column: Column) -> str:
    type_ = column.type.partition("(")[0]
    return f"{column.name:29} {type_:10} {column.meaning}"


@click.command("sql", epilog=_epilog())
@click.argument("query")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text for people, csv, or json: a list with one object per row.",
)
@store_option
def command(query: str, form: str, store: Path) -> None:
    """Ask all stored runs a QUERY in DuckDB's SQL; `-` reads it from standard input.

    One SELECT at a time; nothing is changed. Folders that hold no readable run are named on
    standard error, and so are samples that are missing.
    """
    if query == "-":
        try:
            query = sys.stdin.read()
        except UnicodeDecodeError as error:
            raise UsageError("the query on standard input is not UTF-8 text") from error
    catalog = scan(store)
    tell_skipped(catalog.skipped)
    with answered(catalog, query) as answer:
        for sentence in answer.skipped:
            click.echo(printable(sentence), err=True)
        _PRINTERS[form](answer)


def tell_skipped(skipped: Iterable[Skipped]) -> None:
    """Name what is no run, on standard error."""
    for one in skipped:
        click.echo(printable(str(one)), err=True)


def echo(text: str) -> None:
    """A line; characters that standard output lacks are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


# --- formats ------------------------------------------------------------------------------------


def _as_text(answer: Answer) -> None:
    rows = list(answer.rows)
    words = [[_word(value) for value in row] for row in rows]
    numeric = [all(_is_number(row[index]) for row in rows) for index in range(len(answer.columns))]
    for line in table([[printable(name) for name in answer.columns], *words], numeric):
        echo(line)
    echo(f"({len(rows)} {'row' if len(rows) == 1 else 'rows'})")


def table(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Lines of columns as wide as their widest cell; those in `right` are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _as_csv(answer: Answer) -> None:
    writer = csv.writer(_Lines(), lineterminator="")
    for row in chain([answer.columns], answer.rows):
        writer.writerow([_field(value) for value in row])


class _Lines:
    """A file for the csv module that echoes what is written to it."""

    def write(self, line: str) -> None:
        """Print one record, as the csv module has put it together."""
        echo(line)


def _as_json(answer: Answer) -> None:
    echo("[")
    separator = " "
    for row in answer.rows:
        record = dict(zip(answer.columns, map(_plain, row), strict=True))
        echo(separator + json.dumps(record, ensure_ascii=False, allow_nan=False))
        separator = ","
    echo("]")


_PRINTERS = {"text": _as_text, "csv": _as_csv, "json": _as_json}


def _word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(_field(value) if isinstance(value, dict | list) else str(value))


def _field(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if _is_number(value):
        return value
    if isinstance(value, dict | list):
        return json.dumps(_plain(value), ensure_ascii=False)
    return spreadsheet_text(str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    """As JSON can hold it: NaN and infinities, which it lacks, become null."""
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value)
