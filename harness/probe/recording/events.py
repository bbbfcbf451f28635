"""The event log's format: what one record holds, and how a file of them is laid out.

A file is one 4096-byte header followed by records of 32 bytes. The header is a magic, the
length of a JSON object, and that object: the writer's identity and a pair of clock
readings (`monotonic_ns`, `wall_ns`) taken at the same moment, so that hosts can be aligned.

A record is little-endian `id (16) | time_ns (8) | unit (4) | position (2) | flags (1) | kind (1)`.
`kind` stands last on purpose: it is written last, and 0 means "not written", so a writer
that was killed in the middle of a record leaves none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum, IntFlag
from hashlib import blake2b
from typing import Any

MAGIC = b"HRNEVT01"
HEADER_BYTES = 4096
HEADER = struct.Struct("<8sI")
RECORD = struct.Struct("<16sqIHBB")
RECORD_BYTES = RECORD.size
NO_ID = bytes(16)
UNLOCK = "celery.chord_unlock"
"""The task by which Celery looks whether a chord's header is done, where its backend does not count
them; it publishes the body then."""


class Kind(IntEnum):
    """What a record says happened at its time."""

    DUE = 1
    """Client: the moment the pacer planned the unit for (open-loop loads only)."""
    PUBLISH = 2
    """Client: the publish call begins. `unit` is set, `id` is that of its first task."""
    PUBLISHED = 3
    """Client: the publish call returned (confirmed, where the broker confirms)."""
    PUBLISH_FAILED = 4
    """Client: the publish call raised. `position` is the number, from 1, of what it raised among
    the different things that publishing raised in this client; 0 where that is not known."""
    # 5 named the tasks of a unit before ids did. It stays unused: old logs still hold it.
    RECEIVED = 6
    """Worker's main process: the message arrived. `flags` is a Reception. `unit` is the time limit
    that its task has, in ms, 0 without one. `position` holds a Limit that says which, and the
    number of the queue that it came from, see `reception_position` and QUEUE."""
    STARTED = 7
    """Worker's pool: the task's function is called. `unit` is the task's number, see TASK."""
    FINISHED = 8
    """Worker's pool: the function returned, or raised (flag RAISED). `unit` and `position` hold the
    CPU time of the call, see `cpu_fields`; 0 where the pool does not let it be told."""
    STORING = 9
    """Worker's pool: the backend call for a final state begins."""
    STORED = 10
    """Worker's pool: that call returned."""
    SEEN = 11
    """Client or observer: it has a result, or gave up. `flags` is an Outcome. For a group
    `position` says whose result it is: a member's, or WHOLE for that of the group."""
    CHECKED = 12
    """Client, after the measuring: the unit's outcome, as found at that time."""
    RETRIED = 13
    """Worker's pool: the function ended, but not the task: it asked to be run again (Retry), gave
    its place to another one (flag REPLACED), or was not to have a result (Ignore, Reject). Instead
    of FINISHED, and with its CPU time."""
    FAILURE = 14
    """Client or observer: what a unit that was not meant to fail raised. `id` holds 16 bytes of the
    name of the exception's type, `position` which 16 of them, from 0; see `name_parts`."""
    REFUSED = 15
    """Worker's main process: a message arrived, and Celery refused to make a task of it. `position`
    is the number of its reason in REFUSALS; `id` is empty where the message names none."""
    UNSTORED = 16
    """Worker's pool: the backend call of STORING raised. Whether Celery calls it again, further
    stamps say."""
    TASK = 17
    """Worker's main process: the task with the number `unit`, from 1, has this name. `id` holds 16
    bytes of it, `position` which 16 of them, from 0; see `name_parts`."""
    SPAWNED = 18
    """Worker: a task publishes one that is none of a unit, a side task. The time is that from which
    it may run, later than now where it has an ETA. `unit` is the number that TASK names, 0 for a
    task that the worker does not know; `flags` is 1 where it has an ETA."""
    QUEUE = 24
    """Worker's main process: the queue with the number `unit`, from 1, has this name. `id` holds 16
    bytes of it, `position` which 16 of them, from 0; see `name_parts`. Written before the first
    RECEIVED with that number, and only where a block has several queues."""
    HANDLER = 19
    """Client and worker: what a handler of one of Celery's signals raised has the number `unit` in
    this log. `id` holds 16 bytes of signal, handler, type and message, a line each; `position`
    which 16 of them, from 0; see `name_parts`."""
    MEASURE_BEGIN = 20
    """Client: warm-up is over, the measured units begin."""
    MEASURE_END = 21
    """Client: no measured unit will be published any more."""
    RELEASE = 22
    """Harness: held workers are let go."""
    PROCESS_READY = 30
    """Worker: a pool process is initialised."""
    WORKER_READY = 31
    """Worker: the main process consumes."""
    CHILD_FORKED = 32
    """Worker's main process: it starts a process of its pool. The time is that before; `unit` is
    the process' id, `position` its slot, from 0."""
    CHILD_GONE = 33
    """Worker's main process: a process of its pool has ended, and the pool has found out. `unit` is
    its id, `position` its slot, `flags` a ChildEnd."""
    CHILD_LEAVES = 34
    """Worker's pool: this process ends in good order. `unit` is the most memory that it has had, in
    KiB, `position` its exit code, `flags` a ChildEnd."""
    REQUEST = 40
    """Client and worker: a request to SQS goes out, a repeated attempt too. `position` is its
    number in SQS_REQUESTS, `unit` the bytes of its body."""
    ANSWER = 41
    """Client and worker: SQS answered. `position` as above, `unit` the bytes of the answer."""
    SCHEDULED = 50
    """Beat: the schedule of an entry begins. `position` is the entry's number."""
    TICK = 51
    """Beat: found that an entry is due. `position` is the entry's number, `unit` its fire's."""
    POINT = 52
    """Client: a moment that a crontab names, of the measured time."""
    UNLOCKING = 60
    """Worker's pool: `celery.chord_unlock` looks whether a header is done, because the backend
    does not count; `id` is that of the chord's body. `unit` is how often it looked before."""
    STORING_STARTED = 61
    """Worker's pool: the backend call for the state STARTED begins (`task_track_started`)."""
    STARTED_SEEN = 62
    """Client: it asked for the unit's state and saw STARTED for the first time."""
    LOOKED = 63
    """Client: it waited for the unit by asking for its state. `position` and `flags` hold how
    often, see `looks_fields`."""
    HEADER = 64
    """Worker's pool: at the first look for a chord's header, one record for each task of it. `id`
    is that task's; the UNLOCKING before it in the same log names the chord."""
    RAISING = 65
    """Worker's pool: what the function of a task raised, told once for each type in a process.
    `unit` is the task's number, see TASK; `id` holds 16 bytes of the name of the exception's type,
    `position` which 16 of them, from 0; see `name_parts`."""
    UNLOCK_SENT = 66
    """Worker: a message of UNLOCK goes out, to look or to look again. `id` is the message's."""
    UNLOCKED = 67
    """Worker's pool: that look is over, and what follows from it is published."""
    AGAIN = 68
    """Worker: a task asked to be run again, or gave its place to another one, and that message goes
    out. The time is that from which it may run; `unit` is the number that TASK names."""
    FAULT = 70
    """Harness: a planned fault has got so far. `unit` is its number in the plan, from 0, and
    `position` a FaultStep."""

    CONNECTED = 80
    """Client and worker: a connection to the broker is opened, to publish or to consume."""
    POOL_WAITED = 81
    """Client and worker: somebody got a producer out of Celery's pool. `unit` is how long that
    took, in microseconds. Only what took a millisecond is recorded."""
    HEARTBEAT = 82
    """Worker's main process: it sends an event of its own, for other workers and monitors."""
    GOSSIP = 83
    """Worker's main process: an event of a worker arrived, its own among them."""
    HANDLED = 84
    """Client and worker: the handlers of a signal took time. `unit` is how long in microseconds,
    `position` the signal's number in TIMED_SIGNALS. Only what took a millisecond is recorded. With
    the flag RAISED: one of them raised. `unit` is the number of what it raised, see HANDLER; 0 for
    what has none."""

    STOPPED = 90
    """Worker's main process: Celery did not let a task run, run on, or end. `position` is a Stop;
    `flags` is 1 where the message had been RECEIVED before."""


class Stop(IntEnum):
    """What Celery did to a task, in the position of STOPPED."""

    EXPIRED = 1
    """It was thrown away: it would have run later than its `expires`."""
    REVOKED = 2
    """It was thrown away: somebody had revoked it."""
    TERMINATED = 3
    """It ran, and was ended because somebody had revoked it."""
    SOFT_LIMIT = 4
    """It ran into its soft time limit: SoftTimeLimitExceeded was raised in it."""
    HARD_LIMIT = 5
    """It ran into its hard time limit, and was killed."""
    LOST = 6
    """Its process ended under it."""


class Reception(IntFlag):
    """Why a message that arrived may have to wait in the worker, in the flags of RECEIVED."""

    ETA = 1
    """The task is not to be run before a time that the message names."""
    LIMITED = 2
    """The task has a rate limit."""
    REDELIVERED = 4
    """The broker says that it was delivered before."""


class Limit(IntEnum):
    """Which time limit it is that would end a task first, in the position of RECEIVED."""

    HARD = 1
    SOFT = 2


_LIMIT_BITS = 2
MOST_QUEUES = (1 << 14) - 1


def reception_position(limit: int, queue: int) -> int:
    """`position` of RECEIVED, of a Limit (0: none) and the number of a queue (0: not told)."""
    return limit | queue << _LIMIT_BITS


def limits_in(positions: Any) -> Any:
    """The Limit in each `position` of RECEIVED: a number, or an array of them."""
    return positions & ((1 << _LIMIT_BITS) - 1)


def queues_in(positions: Any) -> Any:
    """The number of the queue in each `position` of RECEIVED: one, or an array of them."""
    return positions >> _LIMIT_BITS


class Outcome(IntEnum):
    """What the client can say of a unit, in the flags of SEEN and CHECKED."""

    NONE = 0
    """No result is there."""
    OK = 1
    FAILED_AS_MEANT = 2
    FAILED = 3
    WRONG = 4
    TIMED_OUT = 5


class UnitFlag(IntFlag):
    """What a unit is for, in the flags of PUBLISH."""

    MEASURED = 0
    WARMUP = 1
    PROBE = 2


class FaultStep(IntEnum):
    """How far a fault has got, in the position of FAULT."""

    BEGIN = 1
    """The fault is about to be done."""
    STRUCK = 2
    """The fault is done: the process is gone, the network is cut."""
    MENDING = 3
    """The fault is about to be undone: the process is started, the network restored."""
    MENDED = 4
    """The fault is undone: the process runs, the server answers."""
    FAILED = 5
    """The fault could not be done, or not be undone."""


class ChildEnd(IntEnum):
    """Why a process of a prefork pool ended, as it says itself or as its pool has it, in the flags
    of CHILD_LEAVES and CHILD_GONE."""

    NOT_TOLD = 0
    """The pool has done nothing to it: a signal ended it, or it left by itself, see
    CHILD_LEAVES."""
    CLOSED = 1
    """It was told to end, as the pool is when its worker stops; or a task has ended its process."""
    MOST_TASKS = 2
    """It had run all that `worker_max_tasks_per_child` lets it."""
    MOST_MEMORY = 3
    """It had more memory than `worker_max_memory_per_child`."""
    TIME_LIMIT = 4
    """Its task had run up to the hard limit."""
    TERMINATED = 5
    """Its task was terminated: revoked, or cancelled by a cold shutdown."""
    SHRUNK = 6
    """`--autoscale` had no use for it."""


SQS_REQUESTS = (
    *("Other", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"),
    *("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"),
    *("GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes", "ListQueues"),
    *("CreateQueue", "DeleteQueue", "PurgeQueue"),
)
"""Kinds of request by the number that REQUEST and ANSWER hold. New ones go to the end."""

REFUSALS = (
    *("unknown reason", "ContentDisallowed", "InvalidTaskError", "DecodeError"),
    *("NotRegistered", "no task message"),
)
"""Why a worker refuses a message, by the number that REFUSED holds: what Celery raised, an unknown
task, and what is no message of Celery's. New ones go to the end."""

TIMED_SIGNALS = (
    *("before_task_publish", "after_task_publish", "task_received", "task_prerun"),
    *("task_postrun", "task_success", "task_failure", "task_retry"),
)
"""Signals that are sent for each task, by the number that HANDLED holds. New ones go to the end."""

MOST_LOOKS = (1 << 24) - 1


def looks_fields(count: int) -> tuple[int, int]:
    """`position` and `flags` of LOOKED: the lower 16 bits of the count, and the upper 8. More
    than MOST_LOOKS are told as so many."""
    count = min(count, MOST_LOOKS)
    return count & 0xFFFF, count >> 16


_MOST_CPU_NS = (1 << 48) - 1


def cpu_fields(ns: int) -> tuple[int, int]:
    """`unit` and `position` of FINISHED and RETRIED: the lower 32 bits of a CPU time, and the upper
    16. Three days and more are told as so many."""
    ns = min(ns, _MOST_CPU_NS)
    return ns & 0xFFFFFFFF, ns >> 32


_MOST_NAME_BYTES = 63
MOST_TASK_NAME_BYTES = 255
MOST_HANDLER_BYTES = 1023
NAME_PART_BYTES = 16


def name_parts(name: str, most_bytes: int = _MOST_NAME_BYTES) -> list[bytes]:
    """A name as FAILURE and TASK records hold it: 16 bytes each, the last one with a zero behind
    the name's end. Cut off at `most_bytes`."""
    encoded = name.encode("utf-8", "replace")[:most_bytes] + b"\0"
    return [
        encoded[at : at + NAME_PART_BYTES].ljust(NAME_PART_BYTES, b"\0")
        for at in range(0, len(encoded), NAME_PART_BYTES)
    ]


def name_of(parts: Iterable[bytes]) -> str:
    """The name that such parts make up, also where a kill has cut them short."""
    return b"".join(parts).rstrip(b"\0").decode("utf-8", "replace")


def is_last_part(part: bytes) -> bool:
    """Whether a name ends with this part."""
    return part.endswith(b"\0")


RAISED = 1
"""In the flags of FINISHED: the function raised. In those of HANDLED: a handler did."""
REPLACED = 1
"""In the flags of RETRIED: by `self.replace`. Logs of older versions never have it."""


def names_a_unit(ident: bytes) -> bool:
    """Whether an id is of the kind that clients and beat give (see `probe.recording.ids`): a UUID
    of version 8. Celery's own are of version 4."""
    return ident[6] >> 4 == 8


def id_bytes(task_id: str) -> bytes:
    """The 16 bytes that stand for a task id: the UUID itself, or a digest of another string."""
    try:
        ident = bytes.fromhex(task_id.replace("-", ""))
    except ValueError:
        ident = b""
    return ident if len(ident) == 16 else blake2b(task_id.encode(), digest_size=16).digest()
