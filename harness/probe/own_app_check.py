"""Whether a user's app can be measured: `python -m harness.probe.own_app_check`

The cell spec holds `app` (`name`, `project`) and `workload`. The answer is one JSON object,
`{"done": "look"}`, with `error`: the reason as the user has to read it; or with `complaints`
(`[PART, FIELD, TEXT]`): what is wrong with which field of which part; or with what of the app's own
will not hold (`overruled`) and what will (`kept`, values of plain types only). No server is asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from celery import Celery

from harness.probe.answers import answer, keep_output_apart
from harness.probe.app_variables import load_spec
from harness.probe.own_app import application as own_app
from harness.probe.own_app import own_queues
from harness.probe.own_app.failed_import import import_failed
from harness.probe.own_app.inherited import options_of_its_own
from harness.probe.spoken import CellSpec, Line, WorkloadSpec
from harness.probe.workloads.drawing import Arguments
from harness.probe.workloads.own_tasks import task_of

_TRIED_UNITS = range(3)


def main() -> None:
    """Look, and say what was found."""
    keep_output_apart()
    spec = load_spec()
    named = spec["app"]
    own_app.give_back()
    own_app.guard("memory://", "disabled://")
    try:
        app = own_app.load(named)
        own_app.ready(app)
    except BaseException as error:  # whatever its code raises, sys.exit() too  # noqa: BLE001
        answer({"done": "look", "error": import_failed(named, error)})
    else:
        answer({"done": "look", **_found(app, spec)})
    sys.stdout.flush()
    os._exit(0)  # threads that the app has started do not keep it


def _found(app: Celery, spec: CellSpec) -> Line:
    parts = spec["workload"]["parts"]
    complaints = [
        (number, field, text)
        for number, part in enumerate(parts)
        for field, text in _complaints(app, part, spec["workload"]["seed"])
    ]
    if complaints:
        return {"complaints": complaints}
    measured, keeps = {part["task"] for part in parts}, spec["app"].get("keeps_queues", False)
    found: Line = {
        "overruled": [*own_app.overruled(app, measured, keeps_queues=keeps)],
        "kept": _kept(app, measured, keeps),
    }
    if not keeps:
        return found
    groups = spec["app"].get("groups", ())
    try:
        queues = own_queues.described(app, parts, groups)
    except Exception as error:  # a route of theirs may raise anything  # noqa: BLE001
        return {"complaints": [(0, "task", f"where its tasks go cannot be told: {_words(error)}")]}
    consumed = {name for group in groups for name in group or queues["consumed"]}
    if complaints := [*_consumed_by_nobody(parts, queues, consumed)]:
        return {"complaints": complaints}
    unconsumed = [name for name in queues["declared"] if name not in consumed]
    return {**found, "queues": {**queues, "unconsumed": unconsumed}}


def _consumed_by_nobody(
    parts: Sequence[WorkloadSpec], queues: Line, consumed: set[str]
) -> Iterator[tuple[int, str, str]]:
    for number, (part, name) in enumerate(zip(parts, queues["measured"])):
        if name is not None and name not in consumed:
            others = ", ".join(sorted(consumed))
            message = f"{part['task']} goes to the queue {name}, which no worker consumes"
            yield number, "task", f"{message}; they consume {others}"


def _complaints(app: Celery, part: WorkloadSpec, seed: int) -> Iterator[tuple[str, str]]:
    """What is wrong with a part, and which of its fields."""
    name = part["task"]
    try:
        task = task_of(app, name)
    except LookupError as error:
        yield "task", str(error.args[0])
        return
    arguments = Arguments(part, seed)
    args, kwargs = arguments.of(0)
    check = getattr(task, "__header__", None) if task.typing else None
    try:
        if check is not None:
            check(*args, **kwargs)
    except TypeError as error:
        yield "args", f"{name} cannot be called with these arguments: {error}"
        return
    try:
        for unit in _TRIED_UNITS:
            arguments.expected(unit)
    except (TypeError, ValueError, LookupError) as error:
        yield "expect", f"what is expected of {name} does not fit its arguments: {_words(error)}"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _kept(app: Celery, measured: set[str], keeps_queues: bool) -> Line:
    """Settings of the app's own that hold unless the cell says otherwise, and options of measured
    tasks that hold whatever it says. Only plain values: what a text says might be a secret."""
    own = own_app.own_settings(app)
    kept = own_app.OF_QUEUES if keeps_queues else ()
    found = {n: value for n, value in own.items() if n in kept or not own_app.has_no_say(n)}
    for name in sorted(measured):
        found |= {f"{o} of {name}": value for o, value in options_of_its_own(app.tasks[name])}
    return {
        name: value if isinstance(value, (bool, int, float)) else "..."
        for name, value in found.items()
    }


if __name__ == "__main__":
    main()
