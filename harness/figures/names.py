"""Finds figures by what users call them: `throughput`, `canvas.hop.p99`, `traffic.sqs.requests`,
and of one task of a mix `lost(task=shop.tasks.add)`, `p50(phase.run, task=shop.tasks.add)`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.figures.figure import PLACEHOLDER, STATISTICS, Figure
from harness.figures.table import FIGURES


@dataclass(frozen=True)
class Asked:
    """A figure, and of a distribution perhaps which statistic."""

    figure: Figure
    statistic: str = ""

    @property
    def name(self) -> str:
        """The name as a gate has it: `canvas.hop.p99`, or the figure's alone; of one task
        `p50(phase.run, task=shop.tasks.add)`."""
        name, statistic = self.figure.name, self.statistic
        if not self.figure.task:
            return f"{name}.{statistic}" if statistic else name
        task = f"task={task_word(self.figure.task)}"
        return f"{statistic}({name}, {task})" if statistic else f"{name}({task})"


def figure_named(name: str) -> Figure | None:
    """The row of a present name. One of many comes as a row of its own: `traffic.redis.commands`
    has that name, and that path in the record."""
    for row in FIGURES:
        if row.name == name and not row.many:
            return row
    for row in FIGURES:
        stem = row.name.removesuffix(PLACEHOLDER)
        which = name.removeprefix(stem)
        if row.many and which not in ("", name) and not which.endswith("."):
            return replace(row, name=name, field=f"{row.field}.{which}")
    return None


TASK_WORD = r'"(?:[^"\\]|\\.)*"|[^\s"(),]+'
"""A task's name behind `task=`: as it is, or as a JSON string where it holds `(`, `)`, `"`, a comma
or a space."""
_OF_ONE_TASK = re.compile(
    rf"(?P<outer>[\w.]+)\(\s*(?:(?P<inner>[\w.]+)\s*(?:,\s*|(?=\))))?"
    rf"(?:task\s*=\s*(?P<task>{TASK_WORD})\s*)?\)"
)


def asked(name: str) -> Asked | None:
    """A figure, with `.p99` behind a distribution's name or `p99(...)` around it, and perhaps the
    task that it is of. None for what is no name, or was one."""
    call = _OF_ONE_TASK.fullmatch(name.strip())
    if call is None:
        return _of_all_tasks(name)
    outer, inner, task = call["outer"], call["inner"], call["task"]
    found = _of_all_tasks(f"{inner}.{outer}" if inner else outer)
    if task is None or found is None:
        return found if inner else None
    label = task_named(task)
    return replace(found, figure=found.figure.of(label)) if found.figure.of_task and label else None


def task_word(task: str) -> str:
    """A task's name as it stands behind `task=`."""
    return task if re.fullmatch(TASK_WORD, task) and task[0] != '"' else json.dumps(task)


def task_named(word: str) -> str:
    """The name that a word behind `task=` stands for; empty for a JSON string that is none."""
    if not word.startswith('"'):
        return word
    try:
        return str(json.loads(word))
    except ValueError:
        return ""


def _of_all_tasks(name: str) -> Asked | None:
    stem, _, statistic = name.rpartition(".")
    if statistic in STATISTICS and (found := figure_named(stem)) and found.distribution:
        return Asked(found, statistic)
    figure = figure_named(name)
    return None if figure is None else Asked(figure)


def heading_of(name: str) -> str:
    """Over its column in a report's table."""
    figure = figure_named(name)
    assert figure is not None  # noqa: S101 - a row of the table
    return figure.heading


def renamed(name: str) -> str:
    """What a name of older versions has become; empty for any other."""
    return next((row.name for row in FIGURES if name in row.was), "")


def names_of_tasks() -> Iterator[str]:
    """Names of the figures that there are of each task of a mix, too."""
    return (row.name for row in FIGURES if row.of_task)


def plain_names() -> Iterator[str]:
    """Names of the figures that can be asked for as they are."""
    return (row.name for row in FIGURES if not row.distribution)


def distribution_names() -> Iterator[str]:
    """Names of the figures that take a statistic."""
    return (row.name for row in FIGURES if row.distribution)
