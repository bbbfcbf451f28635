"""The words of warnings, by their code: what is so, why it matters, what to do.

A record stores the code and its data; what they mean is said here and only here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import PluginError
from harness.results.costs.capacity import FULL
from harness.results.diagnoses import DIAGNOSES, Diagnosis, plugged_in
from harness.scenario.files.wording import printable
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
    return lambda data: counted(data[key], noun)


def unfinished_words(tasks: Mapping[str, Data]) -> str:
    """`shop.tasks.resize was run again 705 times (1 message)`."""
    words = []
    for name, one in tasks.items():
        parts = []
        if again := one["executions"] - one["messages"]:
            messages = counted(one["messages"], "message")
            parts.append(f"was run again {counted(again, 'time')} ({messages})")
        elif one["executions"]:
            parts.append(f"was run {counted(one['executions'], 'time')}")
        if one["never_run"]:
            parts.append(f"{counted(one['never_run'], 'message')} that tasks sent not run")
        words.append(f"{printable(name)} {', '.join(parts)}")
    return "; ".join(words) or "no task of a worker's: units that were not received"


def _by_name(data: Data) -> str:
    return ", ".join(f"{count} x {printable(str(name))}" for name, count in data.items())


def _left(data: Data) -> str:
    """`5 messages`; where there are several queues `5 messages: mail (3 messages), ...`."""
    words = counted(data["messages"], "message")
    return f"{words}: {_strays(data)}" if data.get("queues") else words


def _queues_of_app(data: Data) -> str:
    """`shop; queues urgent (task_queues, queue of shop.pay), mail (task_routes, no worker consumes
    it)`."""
    queues = []
    for name, who in data["declared"].items():
        words = [printable(str(one)) for one in who]
        words += ["no worker consumes it"] if name in data["unconsumed"] else []
        queues.append(f"{printable(str(name))} ({', '.join(words)})")
    return f"{_overruled(data)}; queues {', '.join(queues)}"


def _few(data: Data) -> str:
    """`43 units`; `31 units of part slow, 31 units of queue reports`."""
    if "units" in data:
        return counted(data["units"], "unit")
    return ", ".join(
        f"{counted(units, 'unit')} of {what.removesuffix('s')} {printable(str(name))}"
        for what, some in data.items()
        for name, units in some.items()
    )


def _strays(data: Data) -> str:
    """`shop-mail (12 messages), audit (0 messages)`."""
    queues = data["queues"].items()
    return ", ".join(f"{printable(str(name))} ({counted(n, 'message')})" for name, n in queues)


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
    """`300/s x 22 ms = 6.6 cores, this machine has 2`; `40/s x 500 ms = 20 slots, 8 there`; `group
    reports: 12/s x 200 ms = 2.4 slots of 2`."""
    short = str(data["short_of"])
    rate, needed = _plain(data["rate_per_s"]), _plain(data["needed"])
    each_s, there = data["each_s"], f"{data['there']:.0f}"
    each = f"{each_s:.3g} s" if each_s >= 1 else f"{1e3 * each_s:.3g} ms"
    if group := data.get("group"):
        sum_words = f"{rate}/s x {each} = {needed} {printable(short)} of {there}"
        return f"group {printable(str(group))}: {sum_words}"
    end = f"this machine has {there}" if short == "cores" else f"{there} there"
    if FULL * data["there"] <= data["needed"] < data["there"]:
        end += ", which are never all busy"
    return f"{rate}/s x {each} = {needed} {printable(short)}, {end}"


def _plain(value: float) -> str:
    """Three digits and no zeros behind them: it is a sum in one's head."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


REMARKS = frozenset(
    {
        *("few_samples", "side_tasks", "values_unchecked", "results_unchecked"),
        *("app_overruled", "app_queues"),
        *("countdown_in_latency", "shared_counters", "counters_unread", "depth_looks_failed"),
        *("other_runs", "results_uncounted"),
    }
)
"""Warnings that say how figures are to be read, not that something happened."""

WARNINGS: Mapping[str, Warned] = {
    "few_samples": Warned(
        "Fewer than 100 completed units in a block, or of one of its parts or queues: the p99 is "
        "the slowest unit's. Measure more units, or longer.",
        _few,
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
        lambda data: f"{counted(sum(data.values()), 'message')}: {_by_name(data)}",
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
            f"{printable(str(name))}: {counted(count, 'unit')}" for name, count in data.items()
        ),
    ),
    "app_queues": Warned(
        "Your app ran with the configuration's broker, backend and settings, and with queues and "
        "routes of its own: the same names, in a place of the block's own. What it says itself "
        "about broker and backend does not hold.",
        _queues_of_app,
    ),
    "app_overruled": Warned(
        "Your app ran with the configuration's broker, backend, settings and queues. What it says "
        "itself about these does not hold, but for a queue that a task or a call names and the "
        "configuration has; its other settings do, unless the configuration has them, too.",
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
        "machine's cores, or times how long a task runs more than the slots of the workers, or of "
        "the one group of them that consumes its queue. Units pile up with every broker alike; the "
        "figures compare none. Ask for a lower rate, or give it more cores or slots.",
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
    "stray_queues": Warned(
        "A queue that nobody had named appeared while the block ran, and no worker consumes it: "
        "what was sent there is never run. Name it in the queues of a group of workers, or look "
        "for who publishes to it.",
        _strays,
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
    "twins_ended": Warned(
        "One of two twins could not go on, so the load of both was ended: figures cover the slices "
        "that were put on until then, and the pair does not count."
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
        _left,
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
    "group_fell": Warned(
        "No worker of a group was left, as each ended by itself: what only that group consumes "
        "waits in its queues.",
        lambda data: (
            f"group {printable(str(data['group']))}"
            + (f", queues {', '.join(map(printable, data['queues']))}" if data["queues"] else "")
        ),
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
    "plugin_failed": Warned(
        "A diagnosis that an installed package adds failed: what it looks for is not told.",
        lambda data: printable(str(data["text"])),
    ),
    "publish_errors": Warned(
        "Publishing raised, and those units count as failed.",
        _by_name,
    ),
}


def warning_rank(code: str) -> int:
    """Place of a warning in a report, low ones first: causes in the order of their table, what else
    happened, how to read the figures."""
    causes = [one.code for one in (*DIAGNOSES, *_plugged_in())]
    if code in causes:
        return causes.index(code)
    return len(causes) + (code in REMARKS)


def warning_sentence(code: str) -> str:
    """What a warning means. A code of a newer harness is named, not dropped."""
    known = _known(code)
    return (
        known.sentence
        if known
        else f"{printable(code)}: a warning that this version does not know."
    )


def warning_detail(code: str, data: Data) -> str:
    """What its data say; as they stand where they are not what the code promises."""
    known = _known(code)
    try:
        if known and isinstance(told := known.detail(data), str):
            return told
    except Exception:  # noqa: BLE001, S110 - data of another version, or a plug-in's own words
        pass
    return ", ".join(f"{printable(str(key))}={printable(str(data[key]))}" for key in data)


def _known(code: str) -> Warned | None:
    if code in WARNINGS:
        return WARNINGS[code]
    added = (Warned(one.words, one.detail) for one in _plugged_in() if one.code == code)
    return next(added, None)


def _plugged_in() -> Iterable[Diagnosis]:
    """Those of installed packages. A stored run is shown also where they are broken by now."""
    try:
        return plugged_in().values()
    except PluginError:
        return ()


def counted(count: int, noun: str) -> str:
    """A number and what it counts, in the plural where it is not one: `1 block`, `2,000 blocks`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
