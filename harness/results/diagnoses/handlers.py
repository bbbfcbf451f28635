"""What handlers of Celery's signals do to a block: the app's own, or a library's in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from harness.probe.recording.events import TIMED_SIGNALS
from harness.results.arrays import Times
from harness.results.diagnoses.clues import OF_PUBLISHING
from harness.results.diagnoses.evidence import Data, Diagnosis, Evidence
from harness.results.events.merged import MISSING
from harness.units import format_duration

_MOST_NAMED = 10
"""Failures that a warning names; further ones are counted."""
_MOST_SHOWN = 3
_LEAST_SHARE = 0.1
_LEAST_CALLS = 0.5
"""Of the tasks: fewer may have been held up by something else, such as a stall of the machine."""
_FEWEST_CALLS = 5


def _handlers_raised(evidence: Evidence) -> Data | None:
    """Anywhere in the block: a handler that fails in the warm-up fails in production, too."""
    raised = evidence.clues.raised
    if not raised:
        return None
    named = raised[:_MOST_NAMED]
    return {
        "times": sum(one.times for one in raised),
        "handlers": [asdict(one) for one in named],
        "unnamed": len(raised) - len(named),
    }


def _raised_words(data: Mapping[str, Any]) -> str:
    shown = data["handlers"][:_MOST_SHOWN]
    words = [_failure_words(one) for one in shown]
    more = len(data["handlers"]) - len(shown) + data["unnamed"]
    return "; ".join([*words, *([f"and {more} more in run.json"] if more else [])])


def _failure_words(one: Mapping[str, Any]) -> str:
    if not one["handler"]:
        return f"others {one['times']:,} times"
    said = f"{one['error']}: {one['message']}" if one["message"] else one["error"]
    times = "once" if one["times"] == 1 else f"{one['times']:,} times"
    return f"{one['handler']} ({one['signal']}) raised {said}, {times}"


HANDLERS_RAISED = Diagnosis(
    code="handlers_raised",
    looks_at="what handlers of Celery's signals raised, in workers and clients, "
    "from the import of the app on; the harness' own tasks left out",
    sentence="Handlers of Celery's signals raised, and what they are for was not done.",
    cause=(
        "Celery logs what a handler raises and goes on: the task succeeds all the same, and no "
        "figure of it shows anything but the time (celery/utils/dispatch/signal.py, Signal.send). "
        "A handler that is connected with retry=True is called again, without end, and holds its "
        "process meanwhile."
    ),
    advice="Mend the handler, or catch what it may raise; the worker's log has the traceback.",
    find=_handlers_raised,
    detail=_raised_words,
)


def _slow_handlers(evidence: Evidence) -> Data | None:
    """Signals of nearly every task whose handlers took much of what they are a part of."""
    found = {name: data for name, data in _slow(evidence) if data["share"] >= _LEAST_SHARE}
    return {"signals": found} if found else None


def _slow(evidence: Evidence) -> Iterator[tuple[str, Data]]:
    handled, (begin_ns, end_ns) = evidence.clues.handled, evidence.span_ns
    within = handled[(handled["time_ns"] >= begin_ns) & (handled["time_ns"] <= end_ns)]
    for number, name in enumerate(TIMED_SIGNALS):
        took_s = within["unit"][within["position"] == number].astype(np.float64) / 1e6
        own_s = float(took_s.sum())
        sent, whole_s = _whole(evidence, name, own_s)
        if len(took_s) < max(_FEWEST_CALLS, _LEAST_CALLS * sent):
            continue
        share = min(own_s / max(whole_s, 1e-9), 1.0)
        yield name, {"calls": len(took_s), "p50_s": float(np.median(took_s)), "share": share}


def _whole(evidence: Evidence, signal: str, own_s: float) -> tuple[int, float]:
    """How often such a signal was sent at least, and of which seconds its handlers' are a part."""
    if signal in OF_PUBLISHING:
        units = evidence.merged.units
        calls_ns = (units.published_ns - units.publish_ns)[units.published_ns != MISSING]
        return len(calls_ns), float(calls_ns.sum()) / 1e9
    begin_ns, end_ns = evidence.span_ns
    begun = len(evidence.within(evidence.clues.began_ns))
    if signal == "task_received":  # a worker receives nothing else meanwhile
        return begun, (end_ns - begin_ns) / 1e9 * evidence.workers
    return begun, own_s + _running_s(evidence)


def _running_s(evidence: Evidence) -> float:
    """How long all tasks ran, those of nobody's unit too, for which the same signals are sent. One
    that was never seen to end ran until the end: handlers are not to be blamed for its time."""
    begin_ns, end_ns = evidence.span_ns

    def left_s(times_ns: Times) -> float:
        """From each of some times to the end."""
        left_ns = end_ns - np.clip(times_ns, begin_ns, end_ns)
        return float(left_ns.sum()) / 1e9

    return left_s(evidence.clues.began_ns) - left_s(evidence.clues.ended_ns)


def _slow_words(data: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name}: {one['calls']:,} times, median {format_duration(one['p50_s'])}, "
        f"{one['share']:.0%} of {_OF_WHAT.get(name, 'what tasks and these handlers took')}"
        for name, one in data["signals"].items()
    )


_OF_WHAT = {
    **dict.fromkeys(OF_PUBLISHING, "the time in publish calls"),
    "task_received": "the workers' time to receive",
}

SLOW_HANDLERS = Diagnosis(
    code="slow_handlers",
    looks_at="how long the handlers of a signal took that is sent for each task, "
    "where that is a millisecond or more, against the time of all tasks that ran, side tasks among "
    "them (in clients, of the publish calls; of the whole time for task_received)",
    sentence="Much of the time went into handlers of Celery's signals, not into tasks or Celery.",
    cause=(
        "Celery calls them one after the other, where the signal is sent: those of task_prerun "
        "stand in the dispatch phase; those of task_postrun and task_success keep a slot from "
        "its next task, whose queue or dispatch phase holds them; those of task_received keep "
        "the worker from receiving; those of publishing stand in the publish call "
        "(celery/app/trace.py, build_tracer; celery/app/amqp.py)."
    ),
    advice="Do less in them, or do it elsewhere: in a thread, or once for many tasks.",
    find=_slow_handlers,
    detail=_slow_words,
)
