"""The order of blocks: fair to every cell, whatever drifts while they run."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.runner.order import at_once, continued, interleaved

REPETITIONS = st.lists(st.integers(0, 8), max_size=8)
SEEDS = st.integers(0, 2**31)


def rounds(repetitions: list[int], order: tuple[int, ...]) -> list[list[int]]:
    """Cut the order where a round has to end: round r visits the cells with more than r blocks."""
    cut, rest = [], list(order)
    for number in range(max(repetitions, default=0)):
        size = sum(number < count for count in repetitions)
        cut.append(rest[:size])
        rest = rest[size:]
    assert rest == []
    return cut


@given(REPETITIONS, SEEDS)
def test_every_cell_gets_its_blocks(repetitions: list[int], seed: int) -> None:
    counted = Counter(interleaved(repetitions, seed))
    assert [counted[cell] for cell in range(len(repetitions))] == repetitions


@given(REPETITIONS, SEEDS)
def test_every_round_visits_each_cell_once(repetitions: list[int], seed: int) -> None:
    for number, cells in enumerate(rounds(repetitions, interleaved(repetitions, seed))):
        due = [cell for cell, count in enumerate(repetitions) if number < count]
        assert sorted(cells) == due


@given(REPETITIONS, SEEDS)
def test_neighbouring_rounds_mirror_each_other(repetitions: list[int], seed: int) -> None:
    cut = rounds(repetitions, interleaved(repetitions, seed))
    for there, back in zip(cut[::2], cut[1::2], strict=False):
        assert [cell for cell in there if cell in back] == back[::-1]


@given(st.integers(1, 6), st.integers(1, 4), SEEDS)
def test_a_linear_drift_hits_every_cell_alike(cells: int, pairs: int, seed: int) -> None:
    """The mean place in the order is the same for all cells: that is what mirroring is for."""
    order = interleaved([2 * pairs] * cells, seed)
    places = [[place for place, cell in enumerate(order) if cell == c] for c in range(cells)]
    assert len({sum(mine) for mine in places}) == 1


@given(REPETITIONS, SEEDS)
def test_a_seed_decides_the_order(repetitions: list[int], seed: int) -> None:
    assert interleaved(repetitions, seed) == interleaved(repetitions, seed)


def test_seeds_differ() -> None:
    """Pairs of rounds are shuffled anew: over a few seeds every first cell turns up."""
    orders = {interleaved([4, 4, 4], seed) for seed in range(50)}
    assert len(orders) > 10
    assert {order[0] for order in orders} == {0, 1, 2}
    one = interleaved([20, 20, 20], 7)
    assert len({one[start : start + 3] for start in range(0, 60, 6)}) > 1


def test_two_cells_are_ab_ba() -> None:
    order = interleaved([2, 2], 1)
    assert order in ((0, 1, 1, 0), (1, 0, 0, 1))


def test_nothing_to_measure_is_no_order() -> None:
    assert interleaved([], 1) == ()
    assert interleaved([0, 0], 1) == ()


@given(st.integers(1, 5), st.integers(0, 5), st.integers(0, 5), st.data(), SEEDS)
def test_more_rounds_go_on_where_the_order_ended(
    cells: int, before: int, more: int, data: st.DataObject, seed: int
) -> None:
    """Over the cells that go on, the whole order is fair: rounds of each once, mirrored pairs."""
    order = interleaved([before] * cells, seed)
    chosen = sorted(data.draw(st.sets(st.integers(0, cells - 1), min_size=1)))
    added = continued(order, chosen, more, seed)
    assert added == continued(order, chosen, more, seed)
    whole = [cell for cell in (*order, *added) if cell in chosen]
    size = len(chosen)
    cut = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert len(cut) == before + more
    assert all(sorted(cells_of_round) == chosen for cells_of_round in cut)
    for there, back in zip(cut[::2], cut[1::2], strict=False):
        assert back == there[::-1]


@given(st.integers(0, 4), st.integers(0, 3), st.integers(0, 6), SEEDS)
def test_twins_are_neighbours_in_mirrored_rounds(
    pairs: int, others: int, blocks: int, seed: int
) -> None:
    """With further rounds, too."""
    twins = [(2 * pair, 2 * pair + 1) for pair in range(pairs)]
    cells = 2 * pairs + others
    order = interleaved([blocks] * cells, seed, twins)
    order += continued(order, range(cells), 3, seed, twins)
    cut = rounds([blocks + 3] * cells, order)
    for there, back in zip(cut[::2], cut[1::2], strict=False):
        assert there == back[::-1]
    for one in cut:
        assert sorted(one) == list(range(cells))
        assert all(abs(one.index(base) - one.index(head)) == 1 for base, head in twins)


def test_twins_are_measured_at_once_where_both_are_left() -> None:
    order, twins = (0, 1, 2, 2, 1, 0), [(0, 1)]
    assert at_once(order, twins, 0, set(), set()) == (0, 1)
    assert at_once(order, twins, 1, {0}, set()) == (1,), "measured before the run was resumed"
    assert at_once(order, twins, 0, set(), {1}) == (0,), "the other one failed"
    assert at_once(order, twins, 0, {0, 1}, set()) == ()
    assert at_once(order, twins, 0, set(), {0}) == ()
    assert at_once(order, twins, 2, set(), set()) == (2,)
    assert at_once(order, twins, 4, set(), set()) == (4, 5)
    assert at_once(order, (), 4, set(), set()) == (4,)
    assert at_once((0, 1, 1, 0), twins, 1, set(), set()) == (1,), "neighbours of two rounds"
    assert at_once((0,), twins, 0, set(), set()) == (0,)
