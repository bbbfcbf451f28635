"""Requests to SQS, from the event logs of clients and workers: how many, and what is billed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.probe.recording.events import SQS_REQUESTS, Kind
from harness.results.events.eventlog import Events, all_of_kind

_RECEIVE = SQS_REQUESTS.index("ReceiveMessage")
_LEAST_MESSAGE_BYTES = 400
"""A task's message has more in its headers alone; an empty answer has at most 250, as XML."""


@dataclass(frozen=True)
class Requests:
    """What the processes of a block asked of SQS within a span of time."""

    by_kind: Mapping[str, int]
    """`SendMessage` -> how often; only kinds that occur. An attempt that was repeated counts."""
    sent_bytes: int
    received_bytes: int
    """Bytes of the answers' bodies, without HTTP's headers."""
    billed: int
    """As many requests as AWS would bill: each chunk of a payload is one."""
    empty: int = 0
    """Receives that brought no message."""
    empty_sent_bytes: int = 0
    """Bytes that receives without a message sent at least: which answer belongs to which request is
    not recorded, and receives are alike but for a number's digits."""
    empty_received_bytes: int = 0
    """Bytes of the answers that brought no message, at least."""

    @property
    def total(self) -> int:
        """Requests of all kinds together."""
        return sum(self.by_kind.values())


def requests_in(folder: Path, begin_ns: int, end_ns: int, chunk_bytes: int) -> Requests:
    """Read the logs in `folder`; times are CLOCK_MONOTONIC, both ends belong to the span."""
    asked = _within(all_of_kind(folder, Kind.REQUEST), begin_ns, end_ns)
    answered = _within(all_of_kind(folder, Kind.ANSWER), begin_ns, end_ns)
    counts = np.bincount(asked["position"], minlength=1)
    sent, received = asked["unit"].astype(np.int64), answered["unit"].astype(np.int64)
    # What a request carries is its own payload, or, of a receive, the messages that it brings.
    brought = received[answered["position"] == _RECEIVE]
    none = brought[brought < _LEAST_MESSAGE_BYTES]
    asking = sent[asked["position"] == _RECEIVE]
    more = _chunks(sent, chunk_bytes) + _chunks(brought, chunk_bytes)
    return Requests(
        by_kind={_name(n): int(count) for n, count in enumerate(counts) if count},
        sent_bytes=int(sent.sum()),
        received_bytes=int(received.sum()),
        billed=len(asked) + more,
        empty=len(none),
        empty_sent_bytes=min(len(none), len(asking)) * (int(asking.min()) if len(asking) else 0),
        empty_received_bytes=int(none.sum()),
    )


def _within(events: Events, begin_ns: int, end_ns: int) -> Events:
    times = events["time_ns"]
    inside: Events = events[(times >= begin_ns) & (times <= end_ns)]
    return inside


def _chunks(sizes: npt.NDArray[np.int64], chunk_bytes: int) -> int:
    """Chunks beyond the first of each payload; the first is the request itself."""
    return int(np.maximum(-(-sizes // chunk_bytes) - 1, 0).sum())


def _name(number: int) -> str:
    """A number that a later probe may have written is named, not dropped."""
    return SQS_REQUESTS[number] if number < len(SQS_REQUESTS) else f"Kind{number}"
