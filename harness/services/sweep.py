"""Clean up after runs that were killed: processes, names on lasting servers, folders."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import HarnessError
from harness.processes import kill_marked
from harness.services.base import Undo
from harness.services.hosting.compose import PROJECT_PROMISE, undo_project
from harness.services.registry import drivers
from harness.workspace import MARK, DeadWorkspace, dead_workspaces, remove_folder


def sweep(environ: Mapping[str, str]) -> list[str]:
    """Clean up after every dead run of this user; one sentence for each thing done or left."""
    said: list[str] = []
    with dead_workspaces(environ) as dead:
        undo = _undo() if dead else {}
        for workspace in dead:
            said += _clean(workspace, undo)
    return said


def leftovers(environ: Mapping[str, str]) -> list[str]:
    """What a sweep would clean up, one sentence for each dead run; changes nothing."""
    with dead_workspaces(environ) as dead:
        return [
            f"{workspace.path}: a run that was killed left its folder, {len(workspace.processes)} "
            f"recorded processes and {len(workspace.promises)} names on lasting servers"
            for workspace in dead
        ]


def _clean(workspace: DeadWorkspace, undo: Mapping[str, Undo]) -> list[str]:
    said: list[str] = []
    if workspace.same_boot:
        killed = kill_marked(f"{MARK}={workspace.path}")
        if killed:
            said.append(f"killed {len(killed)} processes of a dead run ({workspace.path.name})")
    kept = 0
    for promise in workspace.promises:
        what = f"{promise.kind} of a dead run ({workspace.path.name})"
        try:
            if promise.kind not in undo:
                raise HarnessError("this version does not know how")
            undo[promise.kind](promise.payload)
        except (HarnessError, KeyError, ValueError) as error:
            kept += 1
            said.append(f"could not remove {what}, will try again next time: {error}")
        else:
            workspace.fulfil(promise)
            said.append(f"removed {what}")
    if not kept:
        try:
            remove_folder(workspace.path)
        except HarnessError as error:
            said.append(str(error))
        else:
            said.append(f"removed the folder of a dead run ({workspace.path})")
    return said


def _undo() -> dict[str, Undo]:
    known = {kind: undo for driver in drivers().values() for kind, undo in driver.undo.items()}
    return {**known, PROJECT_PROMISE: undo_project}
