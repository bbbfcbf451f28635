"""HdrHistogram's two text forms of the total latency of completed units.

`.hgrm` is the percentile distribution as HdrHistogram's own tools print it: one cell, all its
measured blocks together. The log (V2, compressed) has a line per block, tagged with its cell.

Recorded in nanoseconds with 3 significant digits, from the raw samples of each block. `.hgrm` shows
microseconds with 3 decimals, so that nothing is rounded twice.
https://github.com/HdrHistogram/HdrHistogram, HistogramLogWriter and outputPercentileDistribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from harness.errors import RecordError
from harness.extras import needs
from harness.report.exports.rounds import exported_name, remarks_of
from harness.report.view.cells import CellView, RunView
from harness.report.words.look import Look
from harness.report.words.wording import outcome_words
from harness.results.arrays import Times
from harness.results.record.run import BlockRecord
from harness.results.samples.pooled import measured_blocks, total_latencies_ns
from harness.scenario.files.wording import printable

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

EXTRA, LIBRARY = "hdr", "hdrh"
DIGITS = 3
LOWEST_NS = 1
HIGHEST_NS = 3_600_000_000_000
"""An hour; a histogram with a longer sample is made wider."""
_NS_PER_US = 1000.0
_TICKS = 5
"""Per half distance: HdrHistogram's default."""
_EXACT_BITS = 11
"""With 3 digits a value below 2**11 has a bucket of its own; above, the 11 leading bits name it."""
_LOG_HEAD = (
    "#[Histogram log format version 1.3]",
    "#[total latency of completed units; values in nanoseconds, Interval_Max in seconds]",
    "#[one histogram per measured block; its length is the block's measured window]",
    "#[tags are cells' names, percent-encoded]",
)
_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


def as_hgrm(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The distribution of each cell, one after the other. RecordError without the extra `hdr`."""
    _check("hgrm")
    return "".join(f"{line}\n" for cell in view.cells for line in _hgrm(view, cell))


def as_hdrlog(view: RunView, look: Look) -> str:  # noqa: ARG001 - every renderer's signature
    """The log of all blocks, in the order in which they ran. RecordError without that extra."""
    _check("hdrlog")
    found = [(block, cell) for cell in view.cells for block in measured_blocks(cell.record)]
    found.sort(key=lambda pair: pair[0].number)
    run_s = datetime.fromisoformat(view.record.started_at).timestamp()
    base_s = _started_s(found[0][0], run_s) if found else 0.0
    lines = [*_LOG_HEAD, f"#[run {printable(view.record.run_id)}]"]
    lines += [f"#[{words}]" for cell in view.cells for words in _remarks(cell)]
    lines += [
        f"#[StartTime: {base_s:.3f} (seconds since epoch), {_iso(base_s)}]",
        f"#[BaseTime: {base_s:.3f} (seconds since epoch)]",
        _LEGEND,
    ]
    end_s = base_s
    for block, cell in found:
        begin_s = _started_s(block, end_s)
        if not block.started_at:
            lines.append(f"#[block {block.number} was broken off: its start is not known exactly]")
        lines.append(_log_line(view, cell, block, begin_s - base_s))
        end_s = begin_s + (block.window_s or 0.0)
    return "".join(f"{line}\n" for line in lines)


def _check(form: str) -> None:
    if lacking := needs(f"format {form}", EXTRA, LIBRARY):
        raise RecordError(lacking)


def histogram_of(samples_ns: Times) -> HdrHistogram:
    """A histogram of samples in ns. Negative ones have no place in it and are left out.

    Samples are put together by bucket first, for the library takes 2 us for each.
    """
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415 - of one report in fifteen

    samples_ns = samples_ns[samples_ns >= 0]
    highest = max(HIGHEST_NS, 2 * int(samples_ns.max(initial=0)))
    histogram = HdrHistogram(LOWEST_NS, highest, DIGITS)
    for value, count in zip(*np.unique(_floors(samples_ns), return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))
    return histogram


def _floors(samples_ns: Times) -> Times:
    """The lowest value of each sample's bucket."""
    _, bits = np.frexp(samples_ns.astype(np.float64))
    shift = np.maximum(bits - _EXACT_BITS, 0).astype(np.int64)
    floors: Times = (samples_ns >> shift) << shift
    return floors


def _hgrm(view: RunView, cell: CellView) -> Iterator[str]:
    blocks = measured_blocks(cell.record)
    parts = [total_latencies_ns(view.folder, block) for block in blocks]
    known = [part for part in parts if part is not None]
    yield f"#[{exported_name(cell)}]"
    yield f"#[run {printable(view.record.run_id)}, {len(known)} blocks, {_what(cell)}, in us]"
    yield from (f"#[{words}]" for words in _remarks(cell))
    for block, part in zip(blocks, parts, strict=True):
        if part is None:
            yield f"#[block {block.number}: its samples are missing]"
    samples_ns = np.concatenate(known) if known else np.empty(0, np.int64)
    if not len(samples_ns):
        yield "#[no samples]"
        return
    yield from _distribution(histogram_of(samples_ns))


def _distribution(histogram: HdrHistogram) -> Iterator[str]:
    """As the library prints it, but with the standard deviation in the unit of the rest."""
    yield f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}"
    yield ""
    for step in histogram.get_percentile_iterator(_TICKS):
        share = step.percentile_level_iterated_to / 100
        line = f"{step.value_iterated_to / _NS_PER_US:12.3f} {share:2.12f} "
        line += f"{step.total_count_to_this_value:10d}"
        yield f"{line} {1 / (1 - share):14.2f}" if share < 1 else line
    mean, deviation = histogram.get_mean_value(), histogram.get_stddev()
    yield f"#[Mean    = {mean / _NS_PER_US:12.3f}, StdDeviation   = {deviation / _NS_PER_US:12.3f}]"
    highest, count = histogram.get_max_value() / _NS_PER_US, histogram.get_total_count()
    yield f"#[Max     = {highest:12.3f}, Total count    = {count:12d}]"
    buckets, parts = histogram.bucket_count, histogram.sub_bucket_count
    yield f"#[Buckets = {buckets:12d}, SubBuckets     = {parts:12d}]"


def _log_line(view: RunView, cell: CellView, block: BlockRecord, offset_s: float) -> str:
    samples_ns = total_latencies_ns(view.folder, block)
    if samples_ns is None:
        return f"#[block {block.number} of {exported_name(cell)}: its samples are missing]"
    histogram = histogram_of(samples_ns)
    length_s = block.window_s or 0.0
    highest_s = int(samples_ns.max(initial=0)) / 1e9
    tag = quote(cell.name, safe="/[]=+:@()*!~'")
    payload = histogram.encode().decode("ascii")
    return f"Tag={tag},{offset_s:.3f},{length_s:.3f},{highest_s:.6f},{payload}"


def _remarks(cell: CellView) -> Sequence[str]:
    """What has to be known of the cell: its ledger, what it is an emulator of, what went wrong."""
    counts = f"{exported_name(cell)}: {outcome_words(cell.figures.counts)}"
    return (counts, *(f"{exported_name(cell)}: {words}" for words in remarks_of(cell)))


def _what(cell: CellView) -> str:
    if cell.backlog:
        return "time in the queue (publish to last task finished) of completed units"
    return "total latency of completed units"


def _started_s(block: BlockRecord, not_before_s: float) -> float:
    """When it began. Of one that a kill cut short nobody noted it: after what was before it."""
    if not block.started_at:
        return not_before_s
    return datetime.fromisoformat(block.started_at).timestamp()


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds")
