"""The reports' words: warnings by their code, outcomes, the state of a run.

A record stores what is so; what it means, and why, is said here and only here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.report.cells import Counts, RunView
from harness.results.capacity import SaturationRange
from harness.results.diagnoses import DIAGNOSES
from harness.results.emulators import cell_label
from harness.results.environment_records import Server
from harness.results.load_records import Saturation
from harness.results.record import RunRecord
from harness.scenario.wording import printable
from harness.units import format_duration, format_number

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Warned:
    """What a warning's code means."""

    sentence: str
    """What it is, why it matters, what to do; the same for every block."""
    detail: Callable[[Data], str] = lambda _: ""
    """What its data add for one block."""


def _number(key: str, noun: str) -> Callable[[Data], str]:
    return lambda data: _counted(data[key], noun)


def unfinished_words(tasks: Mapping[str, Data]) -> str:
    """`shop.tasks.resize was run again 705 times (1 message)`."""
    words = []
    for name, one in tasks.items():
        parts = []
        if again := one["executions"] - one["messages"]:
            messages = _counted(one["messages"], "message")
            parts.append(f"was run again {_counted(again, 'time')} ({messages})")
        elif one["executions"]:
            parts.append(f"was run {_counted(one['executions'], 'time')}")
        if one["never_run"]:
            parts.append(f"{_counted(one['never_run'], 'message')} that tasks sent not run")
        words.append(f"{printable(name)} {', '.join(parts)}")
    return "; ".join(words) or "no task of a worker's: units that were not received"


def _by_name(data: Data) -> str:
    return ", ".join(f"{count} x {printable(str(name))}" for name, count in data.items())


def _overruled(data: Data) -> str:
    """Values of a text stand as dots in the record: they might be secrets."""
    kept = [
        printable(str(name)) if value == "..." else f"{printable(str(name))}={value}"
        for name, value in data["kept"].items()
    ]
    words = [f"{printable(str(data['app']))}"]
    words += [f"overruled {', '.join(map(printable, data['overruled']))}"]
    words += [f"kept {', '.join(kept)}"]
    return "; ".join(word for word in words if not word.endswith(" "))


def capacity_words(data: Data) -> str:
    """`300/s x 22 ms = 6.6 cores, this machine has 2`; `40/s x 500 ms = 20 slots, 8 there`."""
    short = str(data["short_of"])
    rate, needed = _plain(data["rate_per_s"]), _plain(data["needed"])
    each_s, there = data["each_s"], f"{data['there']:.0f}"
    each = f"{each_s:.3g} s" if each_s >= 1 else f"{1e3 * each_s:.3g} ms"
    end = f"this machine has {there}" if short == "cores" else f"{there} there"
    if data["needed"] < data["there"]:  # FULL of results.capacity
        end += ", which are never all busy"
    return f"{rate}/s x {each} = {needed} {printable(short)}, {end}"


def _plain(value: float) -> str:
    """Three digits and no zeros behind them: it is a sum in one's head."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


REMARKS = frozenset(
    {
        *("few_samples", "side_tasks", "values_unchecked", "app_overruled", "results_unchecked"),
        *("countdown_in_latency", "shared_counters", "counters_unread", "depth_looks_failed"),
        *("other_runs", "results_uncounted"),
    }
)
"""Warnings that say how figures are to be read, not that something happened."""

WARNINGS: Mapping[str, Warned] = {
    "few_samples": Warned(
        "Fewer than 100 completed units in a block: its p99 is its slowest unit. Measure more "
        "units, or longer.",
        _number("units", "unit"),
    ),
    "foreign_tasks": Warned(
        "Workers ran tasks that no client of the block had published: something else uses the "
        "same queue, and its work is in the workers' CPU time.",
        _number("tasks", "task"),
    ),
    "refused_messages": Warned(
        "Workers received messages and refused them, so these tasks were never run. "
        "ContentDisallowed: a task has a serializer of its own that accept_content does not name. "
        "The workers' logs say more.",
        lambda data: f"{_counted(sum(data.values()), 'message')}: {_by_name(data)}",
    ),
    "side_tasks": Warned(
        "Your tasks published further ones, which ran in the same queue beside the measured units. "
        "They count in no outcome, and their work is in the workers' CPU time.",
        _number("tasks", "task"),
    ),
    "values_unchecked": Warned(
        'Tasks without "expect:": ok says that they succeeded; their results were compared with '
        "nothing.",
        lambda data: ", ".join(
            f"{printable(str(name))}: {_counted(count, 'unit')}" for name, count in data.items()
        ),
    ),
    "app_overruled": Warned(
        "Your app ran with the configuration's broker, backend and settings, and every message "
        "went to the block's queue. What it says itself about these does not hold; its other "
        "settings do, unless the configuration has them, too.",
        _overruled,
    ),
    "results_unchecked": Warned(
        "No results are stored, so none could be checked: ok says only that every task ran to "
        "its end without raising.",
        _number("units", "unit"),
    ),
    "untimed_units": Warned(
        "Units ended as they were meant to, but a time stamp on their way is missing: they count "
        "in the ledger and in the throughput, not in latencies and phases.",
        _number("units", "unit"),
    ),
    "negative_phases": Warned(
        "Time stamps out of order: phases below zero, left in as they are. On one host this should "
        "not happen: please report it, with the run's folder.",
        _by_name,
    ),
    **{one.code: Warned(one.words, one.detail) for one in DIAGNOSES},
    "countdown_in_latency": Warned(
        "Tasks were asked to wait before they run: latency, and the queue or dispatch phase, hold "
        "that countdown. What the configuration itself adds is the lateness: start less ETA.",
        lambda data: f"countdown {format_duration(data['countdown_s'])}",
    ),
    "client_limited": Warned(
        "The client could not send all units on time: more than 1 % of a phase's units were late "
        "by its end. Figures say what this client can do, not what the configuration can. Give "
        "the load more clients or senders, publish: prebuilt, or a lower rate.",
        lambda data: (
            f"{data['sent_per_s']:.3g} of {data['planned_per_s']:.3g} units/s sent in time"
        ),
    ),
    "over_capacity": Warned(
        "The load asks for more than there is: its rate times what a task costs is more than the "
        "machine's cores, or times how long a task runs more than the workers' slots. Units pile "
        "up with every broker alike; the figures compare none. Ask for a lower rate, or give it "
        "more cores or slots.",
        capacity_words,
    ),
    "retried_too_long": Warned(
        "Units timed out whose task had asked to be retried: all its tries and the waits between "
        "them have to fit into measure.timeout. Give it more time there, or wait less.",
        _number("units", "unit"),
    ),
    "client_starved": Warned(
        "The client could not send all units on time, because the machine's cores were all in "
        "use: more senders would only take from the workers. Ask for a lower rate, or more cores.",
        lambda data: (
            f"{data['sent_per_s']:.3g} of {data['planned_per_s']:.3g} units/s sent in time"
        ),
    ),
    "schedule_missed": Warned(
        "Beat did not fire for every moment of its schedule: it stood still, or cannot keep up. It "
        "sends one fire after the other, and each look at the schedule compares all its entries "
        "(celery/beat.py, schedules_equal): have fewer entries, or longer intervals.",
        lambda data: f"{data['missed']:,} of {data['expected']:,} missed",
    ),
    "schedule_doubled": Warned(
        "Beat fired more than once for one moment of its schedule: a second beat may be running.",
        _number("fires", "fire"),
    ),
    "observer_trouble": Warned(
        "The process that watches for results had trouble: it may have seen some of them late.",
        lambda data: printable(str(data["text"])),
    ),
    "gave_up": Warned(
        "Nothing came back any more, or nobody was left to work or to publish, so the load was "
        "ended early: figures cover what was done until then."
    ),
    "out_of_numbers": Warned(
        "A client had published as many units as it has numbers for before its load was over. What "
        "it published is measured in full, the rest was not sent. Measure for less long, or give "
        "the load more clients.",
        _number("units", "unit"),
    ),
    "out_of_time": Warned(
        "The block was ended at its bound, the longest that its plan allows. These tasks were "
        "still under way.",
        lambda data: f"after {format_number(data['bound_s'])} s: {unfinished_words(data['tasks'])}",
    ),
    "never_at_rest": Warned(
        "Something was still under way when the last unit had had its time (measure.timeout), and "
        "was not waited for any longer. Work that goes on for ever, or comes due later, is cut "
        "off; raise measure.timeout to see more of it.",
        lambda data: unfinished_words(data["tasks"]),
    ),
    "left_in_queue": Warned(
        "Messages still waited in the queue when the block ended. They were removed with it, and "
        "units behind them count as timed out.",
        _number("messages", "message"),
    ),
    "left_unacknowledged": Warned(
        "Messages had been delivered but not acknowledged when the workers had stopped: in "
        "production the broker would deliver them again.",
        _number("messages", "message"),
    ),
    "shared_counters": Warned(
        "The server's counters are of all its clients: other people's traffic is in the commands "
        "and bytes per task."
    ),
    "counters_unread": Warned(
        "A server did not answer when its counters were read, so commands, messages or bytes per "
        "task are missing."
    ),
    "depth_looks_failed": Warned(
        "The queue's length could not be read every time: there are gaps in its curve.",
        _number("looks", "look"),
    ),
    "other_runs": Warned(
        "Another run of the harness was under way on this machine: both used the same cores, so "
        "neither one's figures are those of a machine of its own. Measure one after the other.",
        _number("runs", "other run"),
    ),
    "results_uncounted": Warned(
        "The results that a block left in its backend could not be counted.",
        lambda data: printable(str(data["text"])),
    ),
    "worker_fell": Warned(
        "A worker ended by itself, and nobody started it again: in production a supervisor has to. "
        "What it had begun, and no broker delivers again, is lost; see its log.",
        lambda data: printable(str(data["text"])),
    ),
    "beat_fell": Warned(
        "Beat ended by itself: from then on nothing of its schedule was published.",
        lambda data: printable(str(data["text"])),
    ),
    "silent_worker": Warned(
        "A worker lives and consumed nothing any more after everything was mended, while messages "
        "waited: after a lost connection some versions of Celery and kombu do not consume again "
        "(celery issues 8030, 8091, 9054). These units do not wait for a redelivery, and nothing "
        "in the worker's state says so: upgrade, or have workers restarted that are silent.",
        lambda data: (
            f"process {data['pid']}: nothing for {data['silent_s']:.1f} s, while "
            f"{data['units']:,} units waited that were published since"
        ),
    ),
    "publish_errors": Warned(
        "Publishing raised, and those units count as failed.",
        _by_name,
    ),
}


def warning_rank(code: str) -> int:
    """Its place in a report, low ones first: causes in the order of their table, what else
    happened, how to read the figures."""
    causes = [one.code for one in DIAGNOSES]
    if code in causes:
        return causes.index(code)
    return len(causes) + (code in REMARKS)


def warning_sentence(code: str) -> str:
    """What a warning means. A code of a newer harness is named, not dropped."""
    known = WARNINGS.get(code)
    return (
        known.sentence
        if known
        else f"{printable(code)}: a warning that this version does not know."
    )


def warning_detail(code: str, data: Data) -> str:
    """What its data say; as they stand where they are not what the code promises."""
    known = WARNINGS.get(code)
    try:
        if known:
            return known.detail(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    return ", ".join(f"{printable(str(key))}={printable(str(data[key]))}" for key in data)


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


def stopped_words(found: Saturation) -> str:
    """What stopped it, and what its answer does not rest on."""
    words = f"stopped by {STOPPED_BY.get(found.stopped_by, printable(found.stopped_by))}"
    if found.capacity:
        words += f" ({capacity_words(found.capacity)})"
    if found.out_of_time:
        return f"{words}, the time was up before the search was done"
    if found.rate_per_s is not None and not found.confirmed:
        return f"{words}, not confirmed by a second try"
    return words


def range_words(found: SaturationRange) -> str:
    """`911/s (860/s to 960/s over 3 searches)`."""
    low, high = format_number(found.low_per_s), format_number(found.high_per_s)
    searches = _counted(found.searches, "search").replace("searchs", "searches")
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
    """The ledger in one cell of a table: `2,402 ok, 1 lost, 2 dup`, and whether the client was too
    slow for the load."""
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
    return ", ".join([*words, *(["client-limited"] if counts.client_limited else [])])


def trouble_words(counts: Counts) -> str:
    """The same for a list of what went wrong: with how far the lost ones got."""
    trouble = {
        "duplicate execution": counts.duplicated,
        "wrong result": counts.wrong,
        "unexpected failure": counts.failed,
        "timed-out unit": counts.timed_out,
    }
    words = [_counted(count, noun) for noun, count in trouble.items() if count]
    words += [f"{count:,} x {printable(name)}" for name, count in counts.failures.items()]
    if counts.lost:
        stages = ", ".join(f"{count} {STAGES[stage]}" for stage, count in counts.loss.items())
        words.insert(0, f"{counts.lost:,} lost" + (f" ({stages})" if stages else ""))
    return ", ".join(words) or "no unit ended as it was meant to"


def state_sentence(view: RunView) -> str:
    """What a reader has to know before the figures; empty for a run that is complete."""
    record = view.record
    planned = _counted(len(record.order), "block")
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


def overload_sentence(view: RunView) -> str:
    """What a load asked for and could not get of the machine or the workers, in numbers; empty
    where there was enough."""
    found: dict[str, str] = {}
    for cell in view.cells:
        for block in cell.blocks:
            for warning in block.warnings:
                if warning.code == "over_capacity":
                    words = warning_detail(warning.code, warning.data)
                    found.setdefault(cell_label(cell.record), words)
    if not found:
        return ""
    shown = [f"{name}: {words}" for name, words in list(found.items())[:_OVERLOADS]]
    more = len(found) - len(shown)
    listed = "; ".join([*shown, *([f"and {more} more cells"] if more else [])])
    return f"MORE THAN THERE IS: {listed}. Figures in overload compare no brokers."


def _progress(record: RunRecord) -> str:
    complete = sum(block.status == "complete" for block in record.blocks)
    in_part = sum(block.status == "partial" for block in record.blocks)
    progress = f"{complete} of {_counted(len(record.order), 'block')} complete"
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


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
