"""Names and numbers of the event log: other programs read them, so they do not move."""

from __future__ import annotations

import uuid
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from harness.probe.recording.events import (
    RECORD_BYTES,
    REFUSALS,
    SQS_REQUESTS,
    TIMED_SIGNALS,
    Kind,
    Limit,
    Outcome,
    Reception,
    UnitFlag,
    id_bytes,
)


def test_numbers_are_fixed() -> None:
    assert RECORD_BYTES == 32
    assert {kind.name: int(kind) for kind in Kind} == {
        "DUE": 1,
        "PUBLISH": 2,
        "PUBLISHED": 3,
        "PUBLISH_FAILED": 4,
        "RECEIVED": 6,
        "STARTED": 7,
        "FINISHED": 8,
        "STORING": 9,
        "STORED": 10,
        "SEEN": 11,
        "CHECKED": 12,
        "RETRIED": 13,
        "FAILURE": 14,
        "REFUSED": 15,
        "UNSTORED": 16,
        "TASK": 17,
        "SPAWNED": 18,
        "HANDLER": 19,
        "MEASURE_BEGIN": 20,
        "MEASURE_END": 21,
        "RELEASE": 22,
        "QUEUE": 24,
        "PROCESS_READY": 30,
        "WORKER_READY": 31,
        "CHILD_FORKED": 32,
        "CHILD_GONE": 33,
        "CHILD_LEAVES": 34,
        "REQUEST": 40,
        "ANSWER": 41,
        "SCHEDULED": 50,
        "TICK": 51,
        "POINT": 52,
        "UNLOCKING": 60,
        "STORING_STARTED": 61,
        "STARTED_SEEN": 62,
        "LOOKED": 63,
        "HEADER": 64,
        "RAISING": 65,
        "UNLOCK_SENT": 66,
        "UNLOCKED": 67,
        "AGAIN": 68,
        "FAULT": 70,
        "CONNECTED": 80,
        "POOL_WAITED": 81,
        "HEARTBEAT": 82,
        "GOSSIP": 83,
        "HANDLED": 84,
        "STOPPED": 90,
    }
    assert [outcome.name for outcome in Outcome] == [
        *("NONE", "OK", "FAILED_AS_MEANT", "FAILED", "WRONG", "TIMED_OUT")
    ]
    assert [int(outcome) for outcome in Outcome] == [0, 1, 2, 3, 4, 5]
    assert {one.name: int(one) for one in Reception} == {"ETA": 1, "LIMITED": 2, "REDELIVERED": 4}
    assert {one.name: int(one) for one in Limit} == {"HARD": 1, "SOFT": 2}
    assert list(REFUSALS) == [
        *("unknown reason", "ContentDisallowed", "InvalidTaskError", "DecodeError"),
        *("NotRegistered", "no task message"),
    ]
    assert list(TIMED_SIGNALS) == [
        *("before_task_publish", "after_task_publish", "task_received", "task_prerun"),
        *("task_postrun", "task_success", "task_failure", "task_retry"),
    ]
    assert SQS_REQUESTS[:4] == ("Other", "SendMessage", "ReceiveMessage", "DeleteMessage")
    assert len(SQS_REQUESTS) == len(set(SQS_REQUESTS)) == 15
    assert (UnitFlag.MEASURED, UnitFlag.WARMUP, UnitFlag.PROBE) == (0, 1, 2)


@given(st.uuids())
def test_a_uuid_is_its_own_bytes(ident: uuid.UUID) -> None:
    assert id_bytes(str(ident)) == ident.bytes
    assert id_bytes(ident.hex) == ident.bytes


@given(st.text(max_size=40))
def test_any_other_id_is_sixteen_bytes_of_its_own(text: str) -> None:
    """User's own ids, and ids that only look like UUIDs."""
    ident = id_bytes(text)
    assert len(ident) == 16
    try:
        is_uuid = uuid.UUID(text).bytes == ident
    except ValueError:
        is_uuid = False
    assert is_uuid or ident == blake2b(text.encode(), digest_size=16).digest()
