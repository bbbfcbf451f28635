"""The HdrHistogram exports of a block, read back by HdrHistogram's own library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.extras import needs
from harness.report.exports.hdr import EXTRA, LIBRARY
from harness.report.registry import render
from harness.results.events.merged import MISSING
from harness.selftest.check_result import CheckResult
from harness.selftest.samples import Taken

DIGITS = 3
_SHARES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


def lacking() -> str:
    """Why the exports cannot be made here; nothing if they can."""
    return needs("the check of the histograms", EXTRA, LIBRARY)


def check(taken: Taken, folder: Path) -> Iterator[CheckResult]:
    """Both forms. `folder`: where the log can be written for its reader."""
    samples_ns = _samples(taken)
    yield judge(taken, "hgrm", samples_ns, _from_table(render(taken.record, taken.folder, "hgrm")))
    log = folder / "selftest.hlog"
    log.write_text(render(taken.record, taken.folder, "hdrlog"), encoding="utf-8")
    yield judge(taken, "hdrlog", samples_ns, _from_log(log))


def judge(
    taken: Taken,
    form: str,
    samples_ns: npt.NDArray[np.int64],
    read: Sequence[tuple[int, float]],
) -> CheckResult:
    """`read`: rank of a sample and its value (ns), as the export has it."""
    ranked = np.sort(samples_ns)
    errors = [
        abs(value - ranked[rank - 1]) / max(ranked[rank - 1], 1)
        for rank, value in read
        if 1 <= rank <= len(ranked)
    ]
    worst = float(max(errors, default=1.0))
    whole = bool(read) and read[-1][0] == len(ranked) and len(errors) == len(read)
    return CheckResult(
        check=f"export {form}",
        broker=taken.broker,
        planted=f"{len(ranked)} raw samples",
        expected=f"the same count, and the same quantiles within {10.0**-DIGITS:.1%}",
        measured=f"{read[-1][0] if read else 0} samples, {len(read)} quantiles, worst {worst:.3%}",
        ok=whole and worst <= 10.0**-DIGITS,
    )


def _samples(taken: Taken) -> npt.NDArray[np.int64]:
    units = taken.units
    completed = ((units["outcome"] == "ok") | units["as_meant"]) & (units["total_ns"] != MISSING)
    samples: npt.NDArray[np.int64] = units["total_ns"][completed]
    return samples


def _from_table(text: str) -> list[tuple[int, float]]:
    rows = [line.split() for line in text.splitlines() if re.match(r" *\d", line)]
    return [(int(row[2]), float(row[0]) * 1e3) for row in rows]


def _from_log(path: Path) -> list[tuple[int, float]]:
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415 - of this check only
    from hdrh.log import HistogramLogReader  # noqa: PLC0415

    reader = HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000_000, DIGITS))
    try:
        histogram = reader.get_next_interval_histogram()
    finally:
        reader.close()
    if histogram is None:
        return []
    return [
        (
            histogram.get_target_count_at_percentile(share * 100),
            float(histogram.get_value_at_percentile(share * 100)),
        )
        for share in _SHARES
    ]
