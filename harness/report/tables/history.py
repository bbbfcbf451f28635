"""A history as text for people, as CSV and as JSON: pure functions of what was computed."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal

from harness.report.words.escaping import spreadsheet_text
from harness.report.words.look import Look
from harness.report.words.wording import quantity_words
from harness.results.history.runs import History
from harness.results.history.series import Nomination, Point, Series
from harness.results.judge.circumstances import project_of
from harness.results.judge.emulators import labelled
from harness.results.record.stored import Plain
from harness.scenario.files.wording import listed, printable

Format = Literal["text", "json", "csv"]
FORMATS: tuple[Format, ...] = ("text", "json", "csv")

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "12345678"
_INDENT = "  "
_NEWEST = 10
"""So many points stand in the text, and those at changes; CSV and JSON have all."""
CSV_COLUMNS = (
    *("scenario", "metric", "values", "unit", "reference", "cell", "machine"),
    *("run", "started_at", "commit", "value", "blocks", "sound", "marks"),
    *("nominated", "before", "after", "change", "p_value"),
)


def render(history: History, form: Format, look: Look) -> str:
    """The history in one of FORMATS, with a newline at its end."""
    if form == "json":
        return json.dumps(as_dict(history), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return as_csv(history) if form == "csv" else as_text(history, look)


# --- text ---------------------------------------------------------------------------------------


def as_text(history: History, look: Look) -> str:
    """A history for people: of each series a sparkline, its newest points and its nominated
    changes."""
    blocks = [_head(history, look)]
    blocks += [_series(history, series, look) for series in history.series]
    if history.left_out:
        blocks.append(["Left out:", *(_wrapped(line, look) for line in history.left_out)])
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _head(history: History, look: Look) -> list[str]:
    metric = history.question.metric
    better = "higher" if metric.more_is_better else "lower"
    title = f"{history.question.scenario}: {metric.name}"
    if history.reference is not None:
        lines = [
            f"{title}, ratio to {history.reference} in the same run (above 1 is better)",
        ]
    elif metric.counted:
        lines = [
            f"{title}, {metric.unit} ({better} is better)",
            "Added up over a cell's blocks. No change is looked for in such counts.",
        ]
    else:
        lines = [
            f"{title}, {metric.unit} ({better} is better)",
            "Absolute values: they move with the machine, and so do their changes. "
            + _advice(history),
        ]
    if history.question.force:
        lines.append("Unlike machines are thrown together (--force).")
    if history.method:
        lines.append(
            f"Changes are nominated by {history.method}, and declared by a paired re-run only."
        )
    return [_folded(line, look, "") for line in lines]


def _advice(history: History) -> str:
    if history.references:
        return f"A reference of the same run is better: --reference {history.references[0]}"
    return "A pinned reference measured in the same run is better: see harness docs history"


def _series(history: History, series: Series, look: Look) -> list[str]:
    count = len(series.points)
    name = labelled(series.cell, emulated=series.emulated)
    lines = [f"{name}: {count} {'run' if count == 1 else 'runs'}"]
    if series.reference is not None:
        lines.append(_wrapped(f"ratio to {series.reference}", look))
    lines.append(
        _wrapped(f"on {series.machine}" if series.machine else "on several machines", look)
    )
    width = max(10, look.width - len(_INDENT))
    lines.append(_INDENT + sparkline(series.values[-width:], look.encoding))
    lines += _table(_rows(history, series))
    lines += [_wrapped(note, look) for note in series.notes]
    for nomination in series.nominations:
        lines += _nomination(history, nomination, look)
    return lines


def sparkline(values: Sequence[float], encoding: str = "utf-8") -> str:
    """One character per value, from the lowest to the highest; digits where bars are unknown."""
    try:
        _BARS.encode(encoding)
        bars = _BARS
    except (UnicodeEncodeError, LookupError):
        bars = _PLAIN_BARS
    low, high = min(values), max(values)
    if low == high:
        return bars[len(bars) // 2] * len(values)
    last = len(bars) - 1
    return "".join(bars[round((value - low) / (high - low) * last)] for value in values)


def _rows(history: History, series: Series) -> list[Sequence[str]]:
    head = ("DATE (UTC)", "RUN", "COMMIT", "RATIO" if series.reference else "VALUE", "BLOCKS", "")
    count = len(series.points)
    at_changes = {n.change.index for n in series.nominations}
    shown = {
        index
        for index in range(count)
        if index >= count - _NEWEST or index in at_changes or index + 1 in at_changes
    }
    rows: list[Sequence[str]] = [head]
    for is_shown, group in groupby(range(count), key=shown.__contains__):
        indices = list(group)
        if not is_shown:
            rows.append((f"... {len(indices)} more", "", "", "", "", ""))
        for index in indices if is_shown else ():
            rows.append(_row(history, series.points[index], changed=index in at_changes))
    return rows


def _row(history: History, point: Point, *, changed: bool) -> Sequence[str]:
    commit = (project_of(point.run, point.cell)[0] or "-")[:12]
    marks = ["new level?"] if changed else []
    return (
        printable(point.run.started_at[:16].replace("T", " ")) or "-",
        short_id(point.run.run_id),
        printable(commit),
        _value(history, point.value),
        str(point.blocks),
        printable(listed([*marks, *point.marks])),
    )


def short_id(run_id: str) -> str:
    """The end of a run's id, by which commands find it."""
    return printable(run_id.rpartition("-")[2] or run_id)[:20]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    right = (False, False, False, True, True, False)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _INDENT
        + _INDENT.join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _value(history: History, value: float) -> str:
    if history.reference is not None:
        return f"{value:.3f}"
    return quantity_words(history.question.metric.asked.figure, value)


def _nomination(history: History, found: Nomination, look: Look) -> Iterator[str]:
    change = found.change
    levels = f"{_value(history, change.before)} -> {_value(history, change.after)}"
    yield _wrapped(
        f"NOMINATED: {levels} ({change.change:+.1%}, {'worse' if found.worse else 'better'}) "
        f"from run {short_id(found.before.run.run_id)} to {short_id(found.after.run.run_id)}, "
        f"p = {change.p_value:.2g}",
        look,
    )
    if found.differences:
        yield _wrapped(f"changed in between: {listed(found.differences)}", look, _INDENT * 2)
    else:
        yield _wrapped("nothing that is on record changed in between", look, _INDENT * 2)
    for rerun in found.confirm:
        yield f"{_INDENT * 2}confirm {printable(listed(rerun.varies))}:"
        # One line, whatever its length: it is there to be copied.
        yield f"{_INDENT * 3}{printable(rerun.command)}"
    if found.confirm and found.not_varied:
        yield _wrapped(f"no re-run varies: {listed(found.not_varied)}", look, _INDENT * 2)
    if not found.confirm:
        yield f"{_INDENT * 2}no pair to confirm it by; measure again, and see whether it stays:"
        yield f"{_INDENT * 3}{printable(found.run_again)}"


def _wrapped(text: str, look: Look, indent: str = _INDENT) -> str:
    return _folded(text, look, indent)


def _folded(text: str, look: Look, indent: str) -> str:
    return textwrap.fill(
        printable(text),
        look.width,
        initial_indent=indent,
        subsequent_indent=indent + _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


# --- for programs -------------------------------------------------------------------------------


def as_dict(history: History) -> Plain:
    """A whole history, as JSON holds it. Fields are only ever added."""
    metric = history.question.metric
    return {
        "scenario": history.question.scenario,
        "metric": metric.name,
        "unit": None if history.reference is not None else metric.unit,
        "values": _kind(history),
        "higher_is_better": history.reference is not None or metric.more_is_better,
        "reference": history.reference,
        "forced": history.question.force,
        "method": history.method,
        "series": [_series_dict(series) for series in history.series],
        "left_out": list(history.left_out),
    }


def _kind(history: History) -> str:
    return "absolute" if history.reference is None else "ratio"


def _series_dict(series: Series) -> Plain:
    return {
        "cell": series.cell,
        "machine": series.machine,
        "reference": series.reference,
        "emulated": series.emulated,
        "points": [_point_dict(point) for point in series.points],
        "nominations": [_nomination_dict(found) for found in series.nominations],
        "notes": list(series.notes),
    }


def _point_dict(point: Point) -> Plain:
    return {
        "run": point.run.run_id,
        "started_at": point.run.started_at,
        "commit": project_of(point.run, point.cell)[0],
        "value": point.value,
        "blocks": point.blocks,
        "sound": point.sound,
        "marks": list(point.marks),
    }


def _nomination_dict(found: Nomination) -> Plain:
    return {
        "from_run": found.before.run.run_id,
        "to_run": found.after.run.run_id,
        "before": found.change.before,
        "after": found.change.after,
        "change": found.change.change,
        "worse": found.worse,
        "p_value": found.change.p_value,
        "differences": list(found.differences),
        "confirm": [
            {"command": rerun.command, "varies": list(rerun.varies)} for rerun in found.confirm
        ],
        "not_varied": list(found.not_varied),
        "run_again": found.run_again,
    }


def as_csv(history: History) -> str:
    """CSV_COLUMNS, one row per point; `nominated` to `p_value` at the first of a new level."""
    file = io.StringIO()
    writer = csv.DictWriter(file, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for series in history.series:
        found = {nomination.change.index: nomination for nomination in series.nominations}
        for index, point in enumerate(series.points):
            row = {**_point_row(history, series, point), **_change_row(found.get(index))}
            writer.writerow({name: _field(value) for name, value in row.items()})
    return file.getvalue()


def _point_row(history: History, series: Series, point: Point) -> Mapping[str, object]:
    return {
        "scenario": history.question.scenario,
        "metric": history.question.metric.name,
        "values": _kind(history),
        "unit": None if history.reference is not None else history.question.metric.unit,
        "reference": series.reference,
        "cell": labelled(series.cell, emulated=series.emulated),
        "machine": series.machine,
        **_point_dict(point),
        "sound": "yes" if point.sound else "no",
        "marks": listed(point.marks),
    }


def _change_row(found: Nomination | None) -> Mapping[str, object]:
    if found is None:
        return {}
    change = found.change
    return {
        "nominated": "worse" if found.worse else "better",
        "before": change.before,
        "after": change.after,
        "change": change.change,
        "p_value": change.p_value,
    }


def _field(value: object) -> object:
    if value is None:
        return ""
    return spreadsheet_text(printable(value)) if isinstance(value, str) else value
