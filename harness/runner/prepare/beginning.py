"""What a run begins with: who runs its cells, what of the user's project they run, its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.clock import utc_now
from harness.environments.interpreter import Interpreter
from harness.results.block.salvage import drop_logs
from harness.results.judge.run_differences import project_differences
from harness.results.record.run import CellRecord, RunRecord
from harness.results.store.continuing import refuse_unlike, taken_up
from harness.results.store.run_folders import RunFolder
from harness.runner.prepare.environment import with_missing_commits, with_projects_commits
from harness.runner.prepare.interpreters import interpreters
from harness.runner.prepare.own_apps import with_projects
from harness.runner.telling.courier import Courier
from harness.runner.telling.events import CopyPrepares, EnvironmentBuilds
from harness.scenario.checks.own_python import packages_there
from harness.scenario.models.scenario import Plan
from harness.workspace import Workspace


def pythons_of(
    plan: Plan, project: Path, environ: Mapping[str, str], workspace: Workspace, courier: Courier
) -> Sequence[Interpreter]:
    """Of each cell: which Python runs its clients and workers, and where the user's app is."""
    pythons = interpreters(
        [cell.configuration for cell in plan.cells],
        project=project,
        scenario=Path(plan.source),
        workspace=workspace,
        environ=environ,
        building=lambda title: courier.tell(EnvironmentBuilds(title)),
        preparing=lambda title, command: courier.tell(CopyPrepares(title, command)),
    )
    return with_projects(plan, pythons, project)


def with_commits(
    record: RunRecord, pythons: Sequence[Interpreter], *, begun: bool, force: bool
) -> RunRecord:
    """The record with what each cell runs of the user's project. RecordError where a run that is
    taken up again began with other commits (unless `force`)."""
    now = with_projects_commits(record, pythons)
    if not begun:
        return now
    refuse_unlike(project_differences(record, now), force=force)
    return with_missing_commits(record, now)


def cells_as_now(
    record: RunRecord, plan: Plan, environ: Mapping[str, str]
) -> tuple[CellRecord, ...]:
    """The cells of a run that is taken up again, with the packages that an environment of the
    user's own has by now. BuildError where there is no such environment any more."""
    folder = Path(plan.source).parent
    return tuple(
        stored.model_copy(update={"packages": packages_there(celery.python, folder, environ)})
        if stored.packages and (celery := cell.configuration.celery) and celery.python is not None
        else stored
        for stored, cell in zip(record.cells, plan.cells, strict=True)
    )


def opened(record: RunRecord, results: Path, begun: Path | None) -> tuple[RunRecord, RunFolder]:
    """The run's folder: a new one in `results`, or that of a run that was broken off, which goes
    on."""
    if begun is None:
        return record, RunFolder.create(results, record.run_id)
    folder = RunFolder.reopen(begun)
    record = taken_up(record, folder, utc_now().isoformat(timespec="milliseconds"))
    folder.write(record)
    drop_logs(folder.path, [block.number for block in record.blocks])
    return record, folder
