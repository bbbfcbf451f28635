"""A harness that is killed: provides servers, opens a block, says so, and waits for the end."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from celery import Celery

from harness.scenario.models.configuration import Configuration
from harness.services.provide import provide
from harness.workspace import open_workspace


def main() -> None:
    """`parent.py LOG_DIR CONFIGURATION...` (JSON); one line of JSON when everything is up."""
    log_dir = Path(sys.argv[1])
    configurations = [Configuration.model_validate_json(text) for text in sys.argv[2:]]
    with (
        open_workspace(os.environ) as workspace,
        provide(
            configurations,
            provider=None,
            workspace=workspace,
            log_dir=log_dir,
            environ=os.environ,
            project_dir=log_dir,
        ) as services,
    ):
        pids: list[int] = []
        for configuration in configurations:
            pids += services.of(configuration)[0].pids()
            block = services.open_block(configuration, f"killed-{configuration.name}")
            app = Celery("parent", set_as_current=False)
            app.conf.update(block.__enter__().settings)
            app.send_task("contract.add", (4, 5))
        print(json.dumps({"pids": pids, "folder": str(workspace.path)}), flush=True)  # noqa: T201 - its only output
        signal.pause()


if __name__ == "__main__":
    main()
