"""What a finished run means for the shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.cli import INTERRUPTED
from harness.errors import ExitCode
from harness.report.formats.content import beside_units
from harness.report.tables.verdicts import gate_failure, where_words
from harness.report.words.faults import because_words, promise_words
from harness.report.words.warnings import warning_detail
from harness.results.judge.emulators import cell_label
from harness.results.judge.gates import MeasuredRun, check_baseline, failed_gates
from harness.results.judge.phrases import size_words, what_words
from harness.results.record.comparison import ComparisonReport
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import find_run
from harness.scenario.files.wording import printable
from harness.scenario.models.gates import parse_gate
from harness.scenario.models.scenario import Scenario


def exit_code(record: RunRecord, *, strict: bool = False) -> int:
    """0 if every unit of every planned block ended as it was meant to, and just once, every gate
    holds and no comparison shows a regression. Where something was broken on purpose: if nothing
    else went wrong than what that is to blame for and the configuration's promises allow.

    An interrupted run is no failed one, whatever its blocks were like: who stopped it knows.
    """
    blocks = record.blocks
    if record.status == "failed" or any(block.status == "failed" for block in blocks):
        return ExitCode.USAGE
    if was_interrupted(record):
        return INTERRUPTED
    if any(one.code == "out_of_numbers" for block in blocks for one in block.warnings):
        return ExitCode.USAGE  # the plan asks for more than can be measured
    # A load that gave up early has units that timed out; one without any unit proves nothing.
    sound = all(block.as_expected and block.completed for block in blocks)
    if not sound or failed_gates(record.gates):
        return ExitCode.REGRESSION
    if record.comparison is None:
        return ExitCode.PASS
    return comparison_exit_code(record.comparison, strict=strict)


def was_interrupted(record: RunRecord) -> bool:
    """Whether somebody stopped the run: it may have failed blocks, too. A run is `partial` as well
    where a load ended by itself."""
    cut_short = any(
        block.status == "partial" and not block.ended_by_itself for block in record.blocks
    )
    return cut_short or (record.status == "partial" and len(record.blocks) < len(record.order))


def comparison_exit_code(report: ComparisonReport, *, strict: bool = False) -> ExitCode:
    """1 for a regression, which only a change against its base can be, 3 with `strict` where there
    is no verdict, else 0. An emulator gives none, and lacks none."""
    verdicts = {one.verdict for one in report.judged}
    if any(one.is_regression for one in report.judged):
        return ExitCode.REGRESSION
    nothing = not verdicts and not any(one.emulated for one in report.comparisons)
    if strict and (nothing or "inconclusive" in verdicts):
        return ExitCode.INCONCLUSIVE
    return ExitCode.PASS


def failures(record: RunRecord) -> Iterator[str]:
    """One sentence per failed gate, per regression and per finding that the counts of units do
    not show, to stand last on the terminal."""
    yield from broken_promises(record)
    yield from _ended_badly(record)
    for result in failed_gates(record.gates):
        where = f"gate {printable(result.gate)} fails in {printable(result.cell)}"
        yield f"{where}: {gate_failure(result)}"
    if record.comparison is not None:
        yield from regressions(record.comparison)


def broken_promises(record: RunRecord) -> Iterator[str]:
    """One sentence per promise of a configuration that a block did not keep."""
    for cell in record.cells:
        for block in cell.blocks:
            for one in block.promises:
                if one.kept == "broken":
                    reasons = ", ".join(because_words(one.because))
                    words = f"{promise_words(one.about, one.promise)} ({reasons})"
                    counts = ", ".join(f"{n} {name}" for name, n in one.broken_by.items())
                    where = f"{cell_label(cell)}, block {block.number}"
                    yield f"BROKEN PROMISE: {where}: {words}: {counts}"


_ENDED_BADLY = {
    "worker_fell": "WORKER ENDED",
    "beat_fell": "BEAT ENDED",
    "silent_worker": "SILENT WORKER",
    "never_at_rest": "UNFINISHED",
    "out_of_time": "UNFINISHED",
}


def _ended_badly(record: RunRecord) -> Iterator[str]:
    """One sentence per worker that was not there in the end, and per block not at rest then."""
    for cell in record.cells:
        for block in cell.blocks:
            for one in beside_units(block):
                where = f"{cell_label(cell)}, block {block.number}"
                detail = warning_detail(one.code, one.data)
                yield f"{_ENDED_BADLY[one.code]}: {where}: {detail}"


def regressions(report: ComparisonReport) -> Iterator[str]:
    """What became worse, one sentence for each regression."""
    for one in report.judged:
        if one.is_regression:
            size = size_words(one.metric, one.ratio, one.low, one.high)
            yield f"REGRESSION: {where_words(one)}: {what_words(one)}: {size}"


def baseline_for(scenario: Scenario, named: str | None, results: Path) -> MeasuredRun | None:
    """The run that `baseline` means, if any was named. Asked before anything is measured.

    Raises RecordError if there is none of that name, UsageError if a gate needs one.
    """
    name = named or scenario.baseline
    check_baseline([parse_gate(text) for text in scenario.gates], given=name is not None)
    if name is None:
        return None
    from harness.results.history.baselines import resolve  # noqa: PLC0415 - most runs name none

    record = resolve(name, results)
    return MeasuredRun(record, find_run(record.run_id, results))
