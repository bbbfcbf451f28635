"""What a plan will take on this machine, and what it can tell: put together of plan, machine and
stored runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import psutil

from harness.results.outlook.asked import Machine
from harness.results.outlook.last_runs import LastRuns
from harness.results.outlook.outlook import Outlook, outlook
from harness.results.outlook.sights import PlannedCell
from harness.results.record.environment import Environment
from harness.runner.adaptive import Budget
from harness.runner.prepare.stored_plan import stored_cell
from harness.scenario.checks.twins import compared_cells, possible_twins, why_no_twin
from harness.scenario.models.compare import Compare
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.bounds import at_most
from harness.scenario.vendors.base import Provider


def outlook_of(
    plan: Plan,
    runs: LastRuns,
    here: Environment,
    *,
    provider: Provider | None = None,
    left: Sequence[int] | None = None,
) -> Outlook:
    """Of a plan as a whole; of a run that goes on, of the blocks that are `left`: a cell's index
    for each. `runs`: those of this machine, which `here` describes."""
    budget, compare = Budget(plan), plan.scenario.compare
    blocks, most = budget.blocks(), budget.most_blocks()
    compared = {index for pair in compared_cells(plan) for index in pair}
    by_ab = compare is not None and not compared
    if by_ab:
        compared = set(range(len(plan.cells)))
    twins = {index for pair in possible_twins(plan) for index in pair}
    if by_ab and compare is not None and compare.design != "blocks":  # of a change, with two sides
        twins = {index for index in compared if not why_no_twin(plan.cells[index])}
    pairs = [count if index in compared else 0 for index, count in enumerate(blocks)]
    if left is not None:
        counts = Counter(left)
        blocks = most = [counts[index] for index in range(len(plan.cells))]
    cells = [
        PlannedCell(
            cell, stored_cell(cell), blocks[index], most[index], pairs[index], index in twins
        )
        for index, cell in enumerate(plan.cells)
    ]
    machine = Machine(here.cores, psutil.virtual_memory().available)
    bounds = at_most(plan.cells, blocks)
    if compare is None and compared:
        compare = Compare()  # as `harness compare` does
    return outlook(cells, bounds, compare, runs, machine, provider, by_ab=by_ab)
