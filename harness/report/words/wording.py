"""The reports' words: outcomes, servers, searches, the state of a run.

A record stores what is so; what it means, and why, is said here, and of warnings in `warnings`.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.figures.figure import Figure
from harness.report.view.cells import Counts, RunView
from harness.report.words.warnings import capacity_words, counted, warning_detail
from harness.results.costs.capacity import SaturationRange
from harness.results.record.distributions import EndedUnits
from harness.results.record.environment import Server
from harness.results.record.loads import Saturation
from harness.results.record.run import RunRecord
from harness.scenario.files.wording import printable
from harness.units import format_bytes, format_duration, format_number

_OVERLOADS = 3
"""Cells that the sentence names; the warnings name all."""

STOPPED_BY = {
    "client": "the client, which could not send faster",
    "broker": "the broker, one process used a whole core",
    "backend": "the result backend, one process used a whole core",
    "workers": "the workers, one process used a whole core",
    "slots": "the workers, all slots were running tasks",
    "machine": "this machine, all its cores were busy",
    "loss": "units that did not end as they were meant to",
    "limit": "the limit, nothing was busy all the time",
    "most": "nothing, the highest rate asked for was kept",
    "time": "nothing, the time was up",
    "gave_up": "the end of the last worker, so the search is not done",
    "numbers": "the client, which has no numbers for more units",
    "interrupt": "an interrupt, so the search is not done",
}
"""What stopped a search for saturation. A comma is where a narrow table may break it."""


def quantity_words(figure: Figure, value: float) -> str:
    """A figure's value, in the unit of its row, with a unit that suits its size."""
    if figure.kind == "size":
        return format_bytes(value)
    if figure.kind == "duration":
        return format_duration(figure.in_base_units(value))
    if figure.unit == "share":
        return f"{value:.0%}"
    return f"{value:,.10g}" if figure.kind == "count" else format_number(value)


def stopped_words(found: Saturation) -> str:
    """What stopped it, and what its answer does not rest on."""
    words = f"stopped by {STOPPED_BY.get(found.stopped_by, printable(found.stopped_by))}"
    if found.capacity:
        words += f" ({capacity_words(found.capacity)})"
    if found.out_of_time:
        return f"{words}, the time was up before the search was done"
    if found.rate_per_s is not None and not found.confirmed:
        return f"{words}, {format_number(found.rate_per_s)}/s was kept in one try only"
    return words


def range_words(found: SaturationRange) -> str:
    """`911/s (860/s to 960/s over 3 searches)`."""
    low, high = format_number(found.low_per_s), format_number(found.high_per_s)
    searches = counted(found.searches, "search").replace("searchs", "searches")
    return f"{format_number(found.median_per_s)}/s ({low}/s to {high}/s over {searches})"


STAGES = {
    "never_received": "never received by a worker",
    "refused_by_worker": "refused by a worker",
    "received_not_started": "received but never started",
    "started_not_finished": "started but never finished",
    "finished_not_stored": "finished but result not stored",
    "stored_not_seen": "result stored but never seen",
}


def outcome_words(counts: Counts) -> str:
    """The ledger in one cell of a table: `2,402 ok, 1 lost, 2 dup, 12 retried`, and whether the
    client was too slow for the load."""
    if not counts.blocks:
        return "not run"
    words = [f"{counts.completed - counts.failed_as_meant:,} ok"]
    others = {
        "failed as meant": counts.failed_as_meant,
        "lost": counts.lost,
        "dup": counts.duplicated,
        "wrong": counts.wrong,
        "failed": counts.failed,
        "timed out": counts.timed_out,
    }
    words += [f"{count:,} {word}" for word, count in others.items() if count]
    words += [f"{count:,} {word}" for word, count in counts.beside.items()]
    return ", ".join([*words, *(["client-limited"] if counts.client_limited else [])])


def ended_words(ended: Sequence[EndedUnits]) -> str:
    """The same of a part of a mix, or a queue, over several blocks: `897 ok, 3 lost, 2 dup`."""
    as_meant = sum(one.failed_as_meant for one in ended)
    others = {
        "failed as meant": as_meant,
        "lost": sum(one.outcomes.lost for one in ended),
        "dup": sum(one.duplicated for one in ended),
        "wrong": sum(one.outcomes.wrong for one in ended),
        "failed": sum(one.outcomes.failed for one in ended) - as_meant,
        "timed out": sum(one.outcomes.timed_out for one in ended),
    }
    ok = sum(one.outcomes.ok for one in ended)
    words = [f"{ok:,} ok"] if ok or not any(others.values()) else []
    return ", ".join([*words, *(f"{count:,} {word}" for word, count in others.items() if count)])


def trouble_words(counts: Counts) -> str:
    """How many units went wrong, for a list of troubles: with how far the lost ones got."""
    trouble = {
        "duplicate execution": counts.duplicated,
        "wrong result": counts.wrong,
        "unexpected failure": counts.failed,
        "timed-out unit": counts.timed_out,
    }
    words = [counted(count, noun) for noun, count in trouble.items() if count]
    words += [f"{count:,} x {printable(name)}" for name, count in counts.failures.items()]
    words += [f"{counts.beside['expired']:,} expired"] if "expired" in counts.beside else []
    if counts.lost:
        stages = ", ".join(f"{count} {STAGES[stage]}" for stage, count in counts.loss.items())
        words.insert(0, f"{counts.lost:,} lost" + (f" ({stages})" if stages else ""))
    return ", ".join(words) or "no unit ended as it was meant to"


def state_sentence(view: RunView) -> str:
    """What a reader has to know before the figures; empty for a run that is complete."""
    record = view.record
    planned = counted(len(record.order), "block")
    progress = _progress(record)
    failed = sum(block.status == "failed" for block in record.blocks)
    if record.status == "failed" and failed:
        return (
            f"FAILED: {failed} of {planned} could not be measured, see below. "
            "Figures leave failed blocks out; outcomes count their units."
        )
    if record.status == "running":
        return _running_sentence(view.being_written, progress)
    return {
        "complete": "",
        "partial": f"PARTIAL: stopped early, {progress}. Figures are of what was measured.",
        "failed": f"FAILED: the run broke off, {progress}.",
    }[record.status]


def disturbed_sentence(record: RunRecord) -> str:
    """That somebody else measured on the same cores, which makes every figure doubtful; empty where
    nobody was noticed."""
    if all(warning.code != "other_runs" for warning in record.warnings):
        return ""
    return "DISTURBED: another run of the harness used the same cores; measure one after the other."


def overload_sentence(view: RunView) -> str:
    """What a load asked for and could not get of the machine or the workers, in numbers; empty
    where there was enough."""
    found: dict[str, str] = {}
    for cell in view.cells:
        for block in cell.blocks:
            for warning in block.warnings:
                if warning.code == "over_capacity":
                    words = warning_detail(warning.code, warning.data)
                    found.setdefault(cell.label, words)
    if not found:
        return ""
    shown = [f"{name}: {words}" for name, words in list(found.items())[:_OVERLOADS]]
    more = len(found) - len(shown)
    listed = "; ".join([*shown, *([f"and {counted(more, 'more cell')}"] if more else [])])
    return f"MORE THAN THERE IS: {listed}. Figures in overload compare no brokers."


def _progress(record: RunRecord) -> str:
    complete = sum(block.status == "complete" for block in record.blocks)
    in_part = sum(block.status == "partial" for block in record.blocks)
    progress = f"{complete} of {counted(len(record.order), 'block')} complete"
    return f"{progress}, {in_part} in part" if in_part else progress


def _running_sentence(being_written: bool | None, progress: str) -> str:
    if being_written is None:
        return f"NOT ENDED: still running, or killed; {progress}."
    if being_written:
        return f"RUNNING: {progress} so far."
    return f"INTERRUPTED: the harness was killed, {progress}. Figures are of what was measured."


def server_words(server: Server) -> str:
    """`Valkey 9.1.2, local (embedded, no persistence)`; an emulator is called one."""
    words = f"{server.product} {server.version}, {server.provider}"
    if server.emulator and "emulator" not in words.lower():
        words = f"emulator {words}"
    remarks = [server.detail] if server.detail else []
    if server.same_host is False:
        remarks.append("on another host")
    return printable(words + (f" ({'; '.join(remarks)})" if remarks else ""))
