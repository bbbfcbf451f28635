"""Named diagnoses: known traps of Celery and kombu, told only of blocks that walked into them.

Each looks at the cell's settings and at what was measured. `harness list diagnoses` prints the
table, docs/diagnoses.md holds it.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.results.diagnoses.connections import (
    CONNECTION_PER_PUBLISH,
    POOL_WAIT,
    WORKER_CHATTER,
)
from harness.results.diagnoses.delivery import (
    ETA_BEYOND_VISIBILITY,
    EXPIRED_TASKS,
    FIFO_GROUPS_OVERLAP,
    LATE_ACK_BEYOND_VISIBILITY,
    RESERVED_BEYOND_VISIBILITY,
    RPC_EVICTION,
)
from harness.results.diagnoses.evidence import Diagnosis, Evidence
from harness.results.diagnoses.gevent import GEVENT_FULL_WINDOW, GEVENT_HEARTBEAT
from harness.results.diagnoses.handlers import HANDLERS_RAISED, SLOW_HANDLERS
from harness.results.diagnoses.holding import ETA_FILLS_WINDOW, ETA_HOARD, RATE_LIMIT_STARVES
from harness.results.diagnoses.polling import (
    CHORD_GET_ASKS_PARENTS,
    ENDLESS_CHORD,
    GROUP_GET_FLOOR,
    POLLED_GET,
    SQS_EMPTY_POLL,
    SQS_POLLING,
)
from harness.results.diagnoses.processes import (
    CHILDREN_REPLACED,
    POISON_TASK,
    TIME_LIMIT_IGNORED,
)
from harness.results.diagnoses.resources import NULLPOOL_DATABASE, PREFETCH_HOARDING
from harness.results.record.run import RecordedWarning

DIAGNOSES: tuple[Diagnosis, ...] = (
    GROUP_GET_FLOOR,
    CHORD_GET_ASKS_PARENTS,
    POLLED_GET,
    SQS_POLLING,
    SQS_EMPTY_POLL,
    PREFETCH_HOARDING,
    ETA_BEYOND_VISIBILITY,
    LATE_ACK_BEYOND_VISIBILITY,
    RESERVED_BEYOND_VISIBILITY,
    FIFO_GROUPS_OVERLAP,
    EXPIRED_TASKS,
    RPC_EVICTION,
    NULLPOOL_DATABASE,
    GEVENT_HEARTBEAT,
    GEVENT_FULL_WINDOW,
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


def diagnosed(evidence: Evidence) -> Iterator[RecordedWarning]:
    """What a block walked into."""
    for diagnosis in DIAGNOSES:
        data = diagnosis.find(evidence)
        if data is not None:
            yield RecordedWarning(code=diagnosis.code, data=data)


__all__ = ["DIAGNOSES", "Diagnosis", "Evidence", "diagnosed"]
