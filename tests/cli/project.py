"""Running the real command in a process of its own: forked from one that has imported it, or
started anew where Python itself is told something."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.runner.forked import Command

ROOT = Path(__file__).parents[2]


def harness(
    *arguments: str,
    folder: Path = ROOT,
    environ: dict[str, str] | None = None,
    timeout_s: float = 60,
) -> subprocess.CompletedProcess[str]:
    """`harness ARGUMENTS` with `folder` as current folder."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
    if any(name.startswith("PYTHON") for name in environ or {}):
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    with tempfile.TemporaryDirectory() as kept:
        said = Path(kept) / "stderr"
        said.touch()
        command = Command(arguments, folder, variables, said)
        try:
            code = command.wait(timeout_s)
        finally:
            command.kill()
        words = said.read_text(encoding="utf-8")
        return subprocess.CompletedProcess(list(arguments), code, command.stdout, words)
