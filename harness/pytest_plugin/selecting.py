"""What is measured where only some cells of a scenario are wanted."""

from __future__ import annotations

from collections.abc import Collection

from harness.runner.adaptive import check_sides
from harness.scenario.checks.judging import place_of
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.pairing import default_base, paired_cells


def with_bases(plan: Plan, wanted: Collection[str]) -> Plan:
    """The plan with the wanted cells, and with those that they are compared with.

    Without a cell that is compared with another one, it is a plan that compares nothing.
    UsageError for a comparison whose other side `harness ab` brings.
    """
    check_sides(plan)
    chosen = {index for index, cell in enumerate(plan.cells) if cell.name in wanted}
    compare = plan.scenario.compare
    if compare is not None:
        places = [place_of(cell) for cell in plan.cells]
        # Of fewer cells the default might be another one.
        base = compare.base or default_base(places)
        bases = {one for one, other in paired_cells(places, base) if other in chosen}
        chosen |= bases
        compare = compare.model_copy(update={"base": base}) if bases else None
    cells = tuple(cell for index, cell in enumerate(plan.cells) if index in chosen)
    scenario = plan.scenario.model_copy(update={"compare": compare})
    return plan.model_copy(update={"cells": cells, "scenario": scenario})
