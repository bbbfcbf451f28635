"""Does the harness report what a hand-written script measures? `add` on Redis, closed load.

Both keep IN_FLIGHT units in flight on the same server with the same worker command. Holds if
the ratio's estimate lies in 0.97-1.03 and its interval within 0.93-1.07.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pairs import PAIRS, Ratio, interleave, ratio
from servers import private_servers

from harness.results.events.unit_shape import UnitShape
from harness.results.store.run_folders import RunFolder
from harness.runner.ahead import BlockStart
from harness.runner.block import run_block
from harness.runner.job import BlockJob
from harness.runner.telling.interrupts import Interrupts
from harness.scenario.plan.loader import load_plan
from harness.services.provide import Services
from harness.workspace import Workspace, open_workspace

HERE = Path(__file__).parent
SHAPE = UnitShape(
    tasks_per_unit=1,
    sequential=False,
    grouped=False,
    watched=True,
    held=False,
    stores_results=True,
)
IN_FLIGHT, WARMUP, UNITS = 8, 200, 3000


def measure(services: Services, workspace: Workspace, folder: RunFolder) -> Ratio:
    """Ratio harness / script over PAIRS pairs."""
    cell = PLAN.cells[0]

    def by_script(number: int) -> float:
        with services.open_block(cell.configuration, f"script-{number}") as space:
            urls = {
                "BROKER": space.settings["broker_url"],
                "BACKEND": space.settings["result_backend"],
            }
            command = [sys.executable, "handwritten.py", str(IN_FLIGHT), str(WARMUP), str(UNITS)]
            answer = subprocess.run(
                command, cwd=HERE, env=os.environ | urls, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, check=True, timeout=300,
            )  # fmt: skip
        per_second = float(answer.stdout.split()[-1])
        print(f"pair {number}: {per_second:.0f}/s by the script", flush=True)
        return per_second

    def by_harness(number: int) -> float:
        job = BlockJob(
            number, number, 0, cell, SHAPE, f"harness-{number}", folder, workspace, dict(os.environ)
        )
        block = run_block(BlockStart(job, services), services, interrupts)
        assert block.sound, block
        assert block.throughput_per_s is not None
        print(f"pair {number}: {block.throughput_per_s:.0f}/s by the harness", flush=True)
        return block.throughput_per_s

    with Interrupts() as interrupts:
        script, harness = interleave(by_script, by_harness, PAIRS)
    return ratio(script, harness)


PLAN = load_plan(
    HERE / "agreement.yaml",
    sets=[f"measure.units={UNITS}", f"measure.warmup={WARMUP}", f"loads.0.in_flight={IN_FLIGHT}"],
    environ=os.environ,
)


def main() -> None:
    """Print estimate and interval."""
    with (
        open_workspace(os.environ) as workspace,
        tempfile.TemporaryDirectory() as results,
        private_servers([PLAN.cells[0].configuration], workspace) as services,
    ):
        found = measure(services, workspace, RunFolder.create(Path(results), "agreement"))
    holds = 0.97 <= found.estimate <= 1.03 and found.low >= 0.93 and found.high <= 1.07
    verdict = "holds" if holds else "DOES NOT HOLD"
    print(f"throughput, harness / hand-written script: {found} {verdict}")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
