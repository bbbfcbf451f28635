"""The order in which a run's blocks are measured, and which of them at once."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence, Set

Twins = Collection[tuple[int, int]]
"""Indices of cells that are neighbours in every round, so that both can be measured at once. No
cell is in two of them."""


def interleaved(repetitions: list[int], seed: int, twins: Twins = ()) -> tuple[int, ...]:
    """Cell indices in the order of their blocks: rounds over all cells, in mirrored pairs.

    `repetitions[i]` is how many blocks cell i gets. Each round visits every cell once; two
    neighbouring rounds are mirror images (AB BA), so that a drift of the machine hits all
    cells alike; each pair of rounds is shuffled anew from `seed`.
    """
    shuffler = random.Random(seed)  # noqa: S311 - an order, not a secret
    order: list[int] = []
    permutation = _seats(range(len(repetitions)), twins)
    for number in range(max(repetitions, default=0)):
        _next_round(permutation, number, shuffler)
        order += [cell for seat in permutation for cell in seat if number < repetitions[cell]]
    return tuple(order)


def continued(
    order: Sequence[int], cells: Sequence[int], rounds: int, seed: int, twins: Twins = ()
) -> tuple[int, ...]:
    """`rounds` more rounds over some cells, to be appended to an order made by `interleaved`.

    The mirroring goes on: if an odd number of rounds has run, the first new one mirrors the
    last one. `cells` have all been visited equally often.
    """
    done = order.count(cells[0]) if cells else 0
    shuffler = random.Random(f"{seed}/{done}")  # noqa: S311 - an order, not a secret
    chosen = set(cells)
    last = [cell for cell in order if cell in chosen][-len(chosen) :] if done else sorted(chosen)
    seats = _seats(last, twins)
    added: list[int] = []
    for number in range(done, done + rounds):
        _next_round(seats, number, shuffler)
        added += [cell for seat in seats for cell in seat]
    return tuple(added)


def _seats(cells: Sequence[int], twins: Twins) -> list[list[int]]:
    """The cells one by one, but twins together where the first of them stands."""
    beside = {one: other for a, b in twins for one, other in ((a, b), (b, a))}
    seats: list[list[int]] = []
    for cell in cells:
        if seats and (there := next((s for s in seats if beside.get(s[0]) == cell), None)):
            there.append(cell)
        else:
            seats.append([cell])
    return seats


def _next_round(seats: list[list[int]], number: int, shuffler: random.Random) -> None:
    """Shuffle them, or turn the round before around."""
    mirrored = number % 2 == 1
    if mirrored:
        seats.reverse()
    else:
        shuffler.shuffle(seats)
    for seat in seats:
        if mirrored:
            seat.reverse()
        else:
            shuffler.shuffle(seat)


def at_once(
    order: Sequence[int], twins: Twins, number: int, done: Set[int], given_up: Set[int]
) -> tuple[int, ...]:
    """Numbers of the blocks that are measured when it is the turn of block `number`: it, with its
    twin if that is next and has to be measured as well; none if it is `done`, by its number, or of
    a cell that is `given_up`."""

    def is_left(one: int) -> bool:
        return one < len(order) and one not in done and order[one] not in given_up

    if not is_left(number):
        return ()
    beside = number + 1
    if not is_left(beside):
        return (number,)
    one, other = order[number], order[beside]
    paired = (one, other) in twins or (other, one) in twins
    same_round = order[:number].count(one) == order[:number].count(other)
    return (number, beside) if paired and same_round else (number,)


def next_left(order: Sequence[int], number: int, done: Set[int], given_up: Set[int]) -> int | None:
    """Number of the next block after `number` that is still to be measured, None if there is none
    so far: not one that is `done` by its number, nor one of a cell that is `given_up`."""
    later = range(number + 1, len(order))
    left = (one for one in later if one not in done and order[one] not in given_up)
    return next(left, None)
