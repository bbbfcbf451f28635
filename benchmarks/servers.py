"""The private servers that a benchmark measures on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from harness.scenario.models.configuration import Configuration
from harness.services.provide import Services, provide
from harness.workspace import Workspace


def private_servers(
    configurations: Sequence[Configuration], workspace: Workspace, logs: str = "server-logs"
) -> AbstractContextManager[Services]:
    """Those that the configurations need, as long as the context is open. `logs`: a folder of the
    workspace."""
    return provide(
        configurations,
        provider="local",
        workspace=workspace,
        log_dir=workspace.folder(logs),
        environ=os.environ,
        project_dir=Path.cwd(),
    )
