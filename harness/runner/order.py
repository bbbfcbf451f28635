"""The order in which a run's blocks are measured."""

from __future__ import annotations

import random
from collections.abc import Sequence, Set


def interleaved(repetitions: list[int], seed: int) -> tuple[int, ...]:
    """Cell indices in the order of their blocks: rounds over all cells, in mirrored pairs.

    `repetitions[i]` is how many blocks cell i gets. Each round visits every cell once; two
    neighbouring rounds are mirror images (AB BA), so that a drift of the machine hits all
    cells alike; each pair of rounds is shuffled anew from `seed`.
    """
    shuffler = random.Random(seed)  # noqa: S311 - an order, not a secret
    order: list[int] = []
    permutation = list(range(len(repetitions)))
    for number in range(max(repetitions, default=0)):
        if number % 2 == 0:
            shuffler.shuffle(permutation)
        else:
            permutation.reverse()
        order += [cell for cell in permutation if number < repetitions[cell]]
    return tuple(order)


def continued(
    order: Sequence[int], cells: Sequence[int], rounds: int, seed: int
) -> tuple[int, ...]:
    """`rounds` more rounds over some cells, to be appended to an order made by `interleaved`.

    The mirroring goes on: if an odd number of rounds has run, the first new one mirrors the
    last one. `cells` have all been visited equally often.
    """
    done = order.count(cells[0]) if cells else 0
    shuffler = random.Random(f"{seed}/{done}")  # noqa: S311 - an order, not a secret
    chosen = set(cells)
    last = [cell for cell in order if cell in chosen][-len(chosen) :] if done else sorted(chosen)
    added: list[int] = []
    for number in range(done, done + rounds):
        if number % 2 == 0:
            shuffler.shuffle(last)
        else:
            last.reverse()
        added += last
    return tuple(added)


def next_left(order: Sequence[int], number: int, done: Set[int], given_up: Set[int]) -> int | None:
    """Number of the next block after `number` that is still to be measured, None if there is none
    so far: not one that is `done` by its number, nor one of a cell that is `given_up`."""
    later = range(number + 1, len(order))
    left = (one for one in later if one not in done and order[one] not in given_up)
    return next(left, None)
