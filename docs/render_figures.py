"""Writes docs/figures.md from the table of figures.

`--check` only says whether it is current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rendering import ROOT, write_or_check

from harness.figures.figure import STATISTICS, Figure
from harness.figures.table import FIGURES, OF_ONE_ONLY

TARGET = ROOT / "docs" / "figures.md"
_HEAD = """# Figures

Everything that is measured of a block, with one name for gates, `harness history --metric`,
comparisons and JSON, and the columns in which `harness sql` (table `blocks`) and
`harness report --format csv` have it. `harness list metrics` prints the short table.

- Of a figure marked *times* say which statistic: `latency.total.p99`, or in gates also
  `p99(latency.total)`. There are {statistics}.
- A figure *of a task*, too, is known of each part of a mix, and of each of your own tasks:
  `p99(phase.run, task=shop.tasks.add)`, `lost(task=shop.tasks.add)`, by the name that reports give
  the task; `part=` is another word for it. So it stands in gates, in `--metric`, and in
  comparisons. A name with brackets, commas or spaces is put in quotes. SQL has them in table
  `by_task`.
- *Of a queue*, *of a group* (of workers): the same with `queue=` and `group=`, where a block has
  several: `p99(latency.total, queue=urgent)`, `worker_cpu(group=fast)`. SQL has them in tables
  `by_queue` and `by_group`. Those at the end only a single queue or group has; of these,
  `max(depth, queue=urgent)` is another way to write `depth.max(queue=urgent)`.
- A name that ends in `.NAME` stands for many: `traffic.redis.commands`.
- Over the blocks of a cell a figure is the median; *added up* says that it is their sum, failed
  blocks included. Of times percentiles come from all samples of the blocks together where a star
  stands; without it they are the median of the blocks' own. Means are of all samples.
- Gates take durations and sizes with a unit (`worker_cpu < 2ms`), rates, counts and all others
  without one. A cost of one task is compared only at like rates, see [verdicts](verdicts.md).
- A column is a number in CSV. Of times SQL has a struct (`queue_s.p99`), and CSV the columns
  that are named in [the run record](../results/README.md#harness-report---format-csv).

Made from the code by `make docs`.

| name | what it is | unit | better | columns |
| --- | --- | --- | --- | --- |
"""


def rendered() -> str:
    """The page."""
    statistics = ", ".join(f"`{one}`" for one in STATISTICS)
    rows = [f"| {' | '.join(_cells(figure))} |" for figure in FIGURES]
    whole = _HEAD.format(statistics=statistics) + "\n".join(rows) + "\n"
    return whole + _of_one_only() + _former()


def _cells(figure: Figure) -> Iterator[str]:
    yield f"`{figure.name}`"
    what = figure.what
    if figure.only_load:
        what += f"; only of load `{figure.only_load}`"
    within = (("task", figure.of_task), ("queue", figure.of_queue), ("group", figure.of_group))
    if shared := [f"*of a {word}*" for word, path in within if path]:
        what += f"; {' and '.join(shared)}{'' if figure in OF_ONE_ONLY else ', too'}"
    yield f"{what}; added up" if figure.summed else what
    times = "*times* *" if figure.samples else "*times*"
    yield f"{figure.unit}, {times}" if figure.distribution else figure.unit
    yield figure.better
    yield f"`{figure.sql_column or figure.of_queue or figure.of_group}`"


def _of_one_only() -> str:
    rows = [f"| {' | '.join(_cells(figure))} |" for figure in OF_ONE_ONLY]
    head = "\n## Only of one queue or group\n\n| name | what it is | unit | better | column |\n"
    return head + "\n".join(["| --- | --- | --- | --- | --- |", *rows]) + "\n"


def _former() -> str:
    """Names that were given up."""
    rows = [f"| `{old}` | `{row.name}` |" for row in FIGURES for old in row.was]
    head = "\n## Names of older versions\n\nThey are answered with the new one.\n\n"
    return head + "\n".join(["| was | is |", "| --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check({TARGET: rendered()}))
