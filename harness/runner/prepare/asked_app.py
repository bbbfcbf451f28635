"""What a process of the probe says of an app of the user's, which it imports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypedDict

from harness.conversation import answer_in
from harness.environments.interpreter import Interpreter
from harness.errors import UsageError
from harness.probe.spoken import Line, OwnAppSpec, OwnTasksSpec
from harness.runner.prepare import cellspec
from harness.workspace import Workspace

_IMPORT_S = 60.0


class AppTold(TypedDict):
    """What every such process is told; some are told more."""

    app: OwnAppSpec


def ask_app(
    module: str,
    told: AppTold | OwnTasksSpec,
    interpreter: Interpreter,
    workspace: Workspace,
    environ: Mapping[str, str],
) -> Line:
    """The answer of `python -m MODULE`, which is told `app` (`name`, `project`) and what else it
    asks for.

    UsageError where the app's own code ends the process, or takes more than a minute.
    """
    folder = workspace.folder("import")
    spec, said = folder / "spec.json", folder / "answer"
    cellspec.write_private(spec, told)
    # A file: a process that says more than a pipe holds would wait for ever.
    stdout = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        process = workspace.spawn(
            [interpreter.python, "-m", module],
            name="import",
            log=folder / "import.log",
            env=interpreter.environ(cellspec.environ_for("client", spec, environ)),
            cwd=interpreter.folder,
            stdout=stdout,
        )
    finally:
        os.close(stdout)
    try:
        ended = process.wait(_IMPORT_S)
        tail = process.log_tail(15)
    finally:
        process.kill()
    app = told["app"]
    failed = f"the app {app['name']} could not be imported"
    if not ended:
        raise UsageError(f"{failed}: that took more than {_IMPORT_S:g} s")
    answers = [one for line in said.read_bytes().splitlines() if (one := answer_in(line))]
    if not answers:
        raise UsageError(f"{failed}: its process ended with exit code {process.returncode}\n{tail}")
    return answers[-1]
