"""Tasks that nobody runs any more, because what held them was killed or lost its connection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.probe.recording.events import Kind
from harness.results.arrays import Truths
from harness.results.events.handlings import Handlings
from harness.results.events.merged import MISSING, Merged
from harness.results.faults.notes import FaultNote


def orphans(
    merged: Merged,
    handlings: Handlings,
    notes: Sequence[FaultNote],
    fallen: Sequence[int] = (),
) -> Truths:
    """Per task of `Merged.tasks`: it was received or started, never finished, and whoever held it
    last is dead, or (before it was started) has thrown it away. `fallen`: main processes of workers
    that ended though no fault was about them; their pools died with them.

    A Celery worker that has lost its connection forgets what it had received and not yet begun:
    it could not acknowledge it any more, and relies on the broker to deliver it again.
    """
    found = np.zeros(len(merged.tasks), dtype=bool)
    gone = {pid for note in notes for pid in note.died} | set(fallen)
    gone |= {child for child, parent in handlings.parents.items() if parent in fallen}
    died = np.array(sorted(gone), dtype=np.int64)
    last = handlings.last_by_task()
    held = (last >= 0) & (merged.tasks.finished_ns == MISSING)
    index = last[held]
    dead = np.isin(handlings.pid[index], died)
    forgotten = np.zeros(len(index), dtype=bool)
    for note in notes:
        if note.begin_ns is None or not note.kind.disconnects:
            continue
        before = handlings.time_ns[index] <= (note.over_ns or note.begin_ns)
        # Of the workers that it was about: the others kept their connection.
        theirs = np.isin(handlings.pid[index], note.mains)
        forgotten |= (handlings.kind[index] == Kind.RECEIVED) & before & theirs
    found[held] = dead | forgotten
    return found


def without_kept(
    merged: Merged, orphaned: Truths, waiting: int, unacknowledged: int
) -> tuple[Truths, int]:
    """The orphans without those whose message the broker still has, and how many of its waiting
    messages are left for units that were never received.

    The broker says how many it has, not which. Those that were started are the least likely ones
    (an early acknowledgement comes with the start), then those that were published first.
    """
    kept = orphaned.copy()
    refused = merged.units.publish_failed[merged.tasks.row]
    absent = int(((merged.tasks.received_ns == MISSING) & ~refused).sum())
    many = unacknowledged + max(0, waiting - absent)
    order = np.flatnonzero(orphaned)
    started = merged.tasks.started_ns[order] != MISSING
    published = merged.units.publish_ns[merged.tasks.row[order]]
    likely_first = order[np.lexsort((-published, started))]
    kept[likely_first[:many]] = False
    return kept, min(waiting, absent) + max(0, many - len(order))
