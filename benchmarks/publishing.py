"""How fast are the publish paths? Beside `task.delay` and a raw client, interleaved in one run.

On an embedded Redis: `prebuilt` at least 10 times `task.delay`, and 0.6 of a raw pipelined LPUSH of
the same bytes. On RabbitMQ: at least 3 times, and 0.8 of a raw `basic_publish`. On both, `api` at
least 0.97 of the bare loop. Without a result backend, which would slow `task.delay` down further.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from pairs import PAIRS, ratio
from servers import private_servers

from harness.conversation import answer_in
from harness.runner.prepare import cellspec
from harness.scenario.models.scenario import Cell
from harness.scenario.plan.loader import load_plan
from harness.scenario.vendors.without_server import NoBackend
from harness.services.provide import Services
from harness.workspace import Workspace, open_workspace

HERE = Path(__file__).parent
Rates = dict[str, list[float]]
CLAIMS = {
    "redis": (("prebuilt", "delay", 10.0), ("prebuilt", "raw", 0.6), ("api", "delay", 0.97)),
    "rabbitmq": (("prebuilt", "delay", 3.0), ("prebuilt", "raw", 0.8), ("api", "delay", 0.97)),
}


def cell_on(broker: str) -> Cell:
    """`add`, without results."""
    (cell,) = load_plan(
        HERE / "agreement.yaml",
        sets=[f"configurations=[../configs/{broker}.yaml]", "loads=[backlog]"],
        environ=os.environ,
    ).cells
    configuration = cell.configuration.model_copy(update={"backend": NoBackend(service="none")})
    return cell.model_copy(update={"configuration": configuration})


def measured(broker: str, cell: Cell, services: Services, workspace: Workspace) -> Rates:
    """Tasks per second of each path, one figure per round."""
    folder = workspace.folder(f"publishing-{broker}")
    events = folder / "events"
    events.mkdir()
    with services.open_block(cell.configuration, f"publishing-{broker}") as space:
        spec = folder / "cell.json"
        settings = space.settings | {"result_backend": "disabled://"}
        cellspec.write(spec, cell, settings, events)
        done = subprocess.run(
            [sys.executable, str(HERE / "publish_turns.py"), str(PAIRS)],
            env=cellspec.environ_for("client", spec, os.environ),
            stdout=subprocess.PIPE,
            check=True,
        )
    said = [answer_in(line) for line in done.stdout.splitlines()]
    (rates,) = (one["rates"] for one in said if one is not None)
    return dict(rates)


def report(broker: str, rates: Rates) -> bool:
    """Print medians and ratios; whether every claim holds."""
    for name, per_s in rates.items():
        print(f"{broker}: {name:9} {statistics.median(per_s):>9,.0f} tasks/s")
    hold = True
    for path, beside, least in CLAIMS[broker]:
        found = ratio(rates[beside], rates[path])
        holds = found.estimate >= least
        hold = hold and holds
        verdict = f"at least {least:g}: {'holds' if holds else 'DOES NOT HOLD'}"
        print(f"{broker}: {path} / {beside}: {found} {verdict}")
    if "batch" in rates:
        print(f"{broker}: batch / delay: {ratio(rates['delay'], rates['batch'])}")
    return hold


def main() -> None:
    """Both brokers, one after the other."""
    cells = {broker: cell_on(broker) for broker in CLAIMS}
    with ExitStack() as stack:
        workspace = stack.enter_context(open_workspace(os.environ))
        services = stack.enter_context(
            private_servers([cell.configuration for cell in cells.values()], workspace)
        )
        found = {name: measured(name, cell, services, workspace) for name, cell in cells.items()}
    hold = [report(broker, rates) for broker, rates in found.items()]
    sys.exit(0 if all(hold) else 1)


if __name__ == "__main__":
    main()
