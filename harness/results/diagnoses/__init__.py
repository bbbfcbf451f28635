"""Named diagnoses: known traps of Celery and kombu, told only of blocks that walked into them.

Each looks at the cell's settings and at what was measured. `harness list diagnoses` prints the
table, docs/diagnoses.md holds it. Installed packages may add their own, see docs/plugins.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from harness.errors import PluginError
from harness.plugins import Plugin, plugins
from harness.results.diagnoses.connections import CONNECTION_PER_PUBLISH, POOL_WAIT, WORKER_CHATTER
from harness.results.diagnoses.delivery import (
    ETA_BEYOND_VISIBILITY,
    EXPIRED_TASKS,
    FIFO_GROUPS_OVERLAP,
    LATE_ACK_BEYOND_VISIBILITY,
    RESERVED_BEYOND_VISIBILITY,
    RPC_EVICTION,
)
from harness.results.diagnoses.evidence import Diagnosis, Evidence
from harness.results.diagnoses.handlers import HANDLERS_RAISED, SLOW_HANDLERS
from harness.results.diagnoses.holding import ETA_FILLS_WINDOW, ETA_HOARD, RATE_LIMIT_STARVES
from harness.results.diagnoses.loops import GEVENT_FULL_WINDOW, GEVENT_HEARTBEAT, SOLO_TIMER
from harness.results.diagnoses.parts import SLOW_PART_HOLDS_SLOTS
from harness.results.diagnoses.polling import (
    CHORD_GET_ASKS_PARENTS,
    ENDLESS_CHORD,
    GROUP_GET_FLOOR,
    POLLED_GET,
    SQS_EMPTY_POLL,
    SQS_POLLING,
)
from harness.results.diagnoses.processes import CHILDREN_REPLACED, POISON_TASK, TIME_LIMIT_IGNORED
from harness.results.diagnoses.resources import NULLPOOL_DATABASE, PREFETCH_HOARDING
from harness.results.record.run import RecordedWarning

DIAGNOSES: tuple[Diagnosis, ...] = (
    GROUP_GET_FLOOR,
    CHORD_GET_ASKS_PARENTS,
    POLLED_GET,
    SQS_POLLING,
    SQS_EMPTY_POLL,
    PREFETCH_HOARDING,
    SLOW_PART_HOLDS_SLOTS,
    ETA_BEYOND_VISIBILITY,
    LATE_ACK_BEYOND_VISIBILITY,
    RESERVED_BEYOND_VISIBILITY,
    FIFO_GROUPS_OVERLAP,
    EXPIRED_TASKS,
    RPC_EVICTION,
    NULLPOOL_DATABASE,
    GEVENT_HEARTBEAT,
    GEVENT_FULL_WINDOW,
    SOLO_TIMER,
    RATE_LIMIT_STARVES,
    ETA_FILLS_WINDOW,
    ETA_HOARD,
    POISON_TASK,
    TIME_LIMIT_IGNORED,
    CHILDREN_REPLACED,
    CONNECTION_PER_PUBLISH,
    POOL_WAIT,
    WORKER_CHATTER,
    ENDLESS_CHORD,
    HANDLERS_RAISED,
    SLOW_HANDLERS,
)


@cache
def plugged_in() -> Mapping[Plugin, Diagnosis]:
    """The diagnoses of installed packages.

    PluginError for one that cannot be imported, is no `Diagnosis`, or has another's code.
    """
    known = {one.code for one in DIAGNOSES}
    found: dict[Plugin, Diagnosis] = {}
    for plugin in plugins("diagnoses").values():
        diagnosis = plugin.load()
        if not isinstance(diagnosis, Diagnosis):
            raise PluginError(
                f"{plugin} is a {type(diagnosis).__name__}; a Diagnosis was expected, see "
                "harness.results.diagnoses.evidence"
            )
        if diagnosis.code in known:
            raise PluginError(f"{plugin}: there is a diagnosis {diagnosis.code}; give it a name")
        known.add(diagnosis.code)
        found[plugin] = diagnosis
    return found


def diagnosed(evidence: Evidence) -> Iterator[RecordedWarning]:
    """What a block walked into. A plug-in that raises is a warning: the block is measured."""
    for diagnosis in DIAGNOSES:
        data = diagnosis.find(evidence)
        if data is not None:
            yield RecordedWarning(code=diagnosis.code, data=data)
    for plugin, diagnosis in plugged_in().items():
        try:
            data = diagnosis.find(evidence)
            found = None if data is None else RecordedWarning(code=diagnosis.code, data=data)
            if found is not None:
                found.model_dump_json()  # what cannot be stored would cost the block
        except Exception as error:  # noqa: BLE001 - somebody else's code, and what was measured stays
            found = RecordedWarning(code="plugin_failed", data={"text": str(plugin.failed(error))})
        if found is not None:
            yield found


__all__ = ["DIAGNOSES", "Diagnosis", "Evidence", "diagnosed", "plugged_in"]
