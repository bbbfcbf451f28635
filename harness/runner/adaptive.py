"""How much measuring a comparison is worth: pairs are added while it is inconclusive.

It is looked only at sizes fixed beforehand, and the intervals allow for all these looks, so that
stopping as soon as there is a verdict costs nothing of its confidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UsageError
from harness.results.judge.compare import compare_run
from harness.results.record.run import RunRecord
from harness.runner.order import continued
from harness.scenario.checks.twins import compared_cells, possible_twins
from harness.scenario.models.scenario import Plan


def check_sides(plan: Plan) -> None:
    """UsageError for a comparison whose other side `harness ab` would have brought."""
    if plan.scenario.compare is not None and not compared_cells(plan):
        raise UsageError(
            f"{plan.source} has nothing to compare with: harness ab --base REF --head REF "
            f"{plan.source} compares two revisions, versions or settings; "
            "--set compare=null leaves the comparison out"
        )


class Budget:
    """Decides how many blocks a plan's cells get, at the start and at each look."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._compare = plan.scenario.compare
        grows = self._compare is not None and self._compare.budget is not None
        self._pairs = compared_cells(plan) if grows else ()
        self._twins = possible_twins(plan)

    def blocks(self) -> list[int]:
        """Number of blocks of each cell: the first look's pairs if it is compared, else the
        measuring plan's."""
        return self._blocks(self._looks()[:1])

    def most_blocks(self) -> list[int]:
        """Number of blocks of each cell if its comparison stays inconclusive to the last look."""
        return self._blocks(self._looks()[-1:])

    def _blocks(self, look: Sequence[int]) -> list[int]:
        compared = {index for pair in self._pairs for index in pair}
        return [
            next(iter(look), 0) if index in compared else cell.measure.blocks
            for index, cell in enumerate(self._plan.cells)
        ]

    def more(self, record: RunRecord, elapsed_s: float) -> tuple[int, ...]:
        """Cells of the further blocks, to be appended to the order; empty when it is enough.

        Asked when the order is measured. Cells whose comparisons are decided get no more, and
        none are added that would not be done in time at the pace so far.
        """
        compare = self._compare
        if compare is None or not self._pairs:
            return ()
        undecided = self._undecided(record)
        if not undecided:
            return ()
        done = record.order.count(undecided[0])
        looks = [size for size in self._looks() if size > done]
        if not looks:
            return ()
        added = continued(record.order, undecided, looks[0] - done, record.seed, self._twins)
        needed_s = elapsed_s * (1 + len(added) / len(record.order))
        in_time = compare.minutes is None or needed_s <= compare.minutes * 60
        return added if in_time else ()

    def _looks(self) -> Sequence[int]:
        return () if self._compare is None else self._compare.look_sizes

    def _undecided(self, record: RunRecord) -> list[int]:
        """Base and head of the inconclusive comparisons that went through every look so far.

        Where not one pair has the figure, as when every task fails, more of them will not help.
        """
        numbers = {cell.name: index for index, cell in enumerate(record.cells)}
        most = max(record.order.count(index) for pair in self._pairs for index in pair)
        failed = {block.cell for block in record.blocks if block.status == "failed"}
        undecided: set[int] = set()
        for one in compare_run(record).judged:
            pair = {numbers[one.base], numbers[one.head]}
            still_measured = all(record.order.count(index) == most for index in pair)
            more_tells = one.verdict == "inconclusive" and one.pairs > 0
            if more_tells and still_measured and not pair & failed:
                undecided |= pair
        return sorted(undecided)
