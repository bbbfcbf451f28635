"""Every kind of workload there is: one row each, which joins its two halves.

A row names the model, with all that the kind decides, and, as text, the class of `harness.probe`
that publishes and checks its units: clients run in processes of their own, with an interpreter of
their own, and find it by that name in their cell spec. docs/architecture.md has the walk "add a
workload". Another package brings one by naming its row as an entry point of the group
`celery_config_bench.workloads`.

For example, a kind whose units are pairs of tasks, the second of which gets the first's result:

    class PairWorkload(WorkloadBase):
        '''`first(n)`, then `second(result)`.'''

        workload: Literal["pair"]
        n: int = 1

        @property
        def steps(self) -> Steps:
            return (1, 1)

    WorkloadRow(PairWorkload, "harness.probe.workloads.pair:Pair")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from harness.errors import PluginError
from harness.plugins import plugins
from harness.probe.spoken import WorkloadSpec
from harness.scenario.files.kinds import name_of, or_bare_name
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.base import WorkloadBase, WorkloadRow
from harness.scenario.workloads.canvas import CanvasWorkload
from harness.scenario.workloads.chain import ChainWorkload
from harness.scenario.workloads.chord import ChordWorkload, NestedWorkload
from harness.scenario.workloads.group import GroupWorkload
from harness.scenario.workloads.heavy_task import HeavyTaskWorkload
from harness.scenario.workloads.kill_child import KillChildWorkload
from harness.scenario.workloads.link_error import LinkErrorWorkload
from harness.scenario.workloads.many_calls import ChunksWorkload, MapWorkload, StarmapWorkload
from harness.scenario.workloads.mix import MixWorkload, mix_of
from harness.scenario.workloads.own_tasks import NestedOwnTask, OwnTaskWorkload
from harness.scenario.workloads.periodic import PeriodicWorkload
from harness.scenario.workloads.retry import RetryWorkload
from harness.scenario.workloads.revoke import RevokeWorkload
from harness.scenario.workloads.time_limit import TimeLimitWorkload
from harness.scenario.workloads.tracking import TrackingWorkload
from harness.scenario.workloads.work import WorkWorkload

_OF = "harness.probe.workloads"
_OWN = (
    WorkloadRow(AddWorkload, f"{_OF}.add:Add"),
    WorkloadRow(GroupWorkload, f"{_OF}.group:Group"),
    WorkloadRow(ChainWorkload, f"{_OF}.chain:Chain"),
    WorkloadRow(HeavyTaskWorkload, f"{_OF}.heavy_task:HeavyTask"),
    WorkloadRow(WorkWorkload, f"{_OF}.work:Work"),
    WorkloadRow(ChordWorkload, f"{_OF}.chord:Chord"),
    WorkloadRow(NestedWorkload, f"{_OF}.chord:Nested"),
    WorkloadRow(CanvasWorkload, f"{_OF}.canvas:Canvas"),
    WorkloadRow(MapWorkload, f"{_OF}.many_calls:Map"),
    WorkloadRow(StarmapWorkload, f"{_OF}.many_calls:Starmap"),
    WorkloadRow(ChunksWorkload, f"{_OF}.many_calls:Chunks"),
    WorkloadRow(TrackingWorkload, f"{_OF}.tracking:Tracking"),
    WorkloadRow(RetryWorkload, f"{_OF}.retry:Retry"),
    WorkloadRow(RevokeWorkload, f"{_OF}.revoke:Revoke"),
    WorkloadRow(KillChildWorkload, f"{_OF}.kill_child:KillChild"),
    WorkloadRow(LinkErrorWorkload, f"{_OF}.link_error:LinkError"),
    WorkloadRow(TimeLimitWorkload, f"{_OF}.time_limit:TimeLimit"),
    WorkloadRow(PeriodicWorkload, f"{_OF}.periodic:Periodic"),
    WorkloadRow(OwnTaskWorkload, f"{_OF}.own_tasks:OwnTasks"),
)


def _plugged_in() -> Iterator[WorkloadRow]:
    """Rows of other packages that are installed here. PluginError names one that is no use."""
    known = {name_of(row.model, "workload") for row in _OWN}
    for plugin in plugins("workloads").values():
        row = plugin.load()
        if not isinstance(row, WorkloadRow):
            raise PluginError(f"{plugin} is no WorkloadRow of {WorkloadRow.__module__}")
        try:
            name = name_of(row.model, "workload")
        except (TypeError, AttributeError) as error:
            raise plugin.failed(error) from error
        if name in known:
            raise PluginError(f"{plugin}: there is a workload {name} already")
        known.add(name)
        yield row


_SINGLE = (*_OWN, *_plugged_in())
ROWS = (*_SINGLE, WorkloadRow(mix_of(_SINGLE), f"{_OF}.mix:Mix"))
WORKLOADS: Mapping[str, type[WorkloadBase]] = {
    name_of(row.model, "workload"): row.model for row in ROWS
}
"""`workload:` of a scenario -> its model."""
_UNITS: Mapping[type[WorkloadBase], str] = {row.model: row.units for row in ROWS}

if TYPE_CHECKING:
    Workload = WorkloadBase
else:
    Workload = Annotated[
        Union[tuple(row.model for row in ROWS)],  # noqa: UP007 - of a table
        Field(discriminator="workload"),
    ]
WorkloadEntry = Annotated[Workload, or_bare_name("workload", Workload, NestedOwnTask)]
"""As it stands in a list: a mapping, or just the name. `own_task_forms` has written out the nested
form of an own task by then."""


_TASKS = "harness.probe.tasks"
TASKS: tuple[str, ...] = (
    *(f"{_TASKS}.{name}" for name in ("add", "buy_milk", "buy_bread", "fetch_user_name")),
    *(f"{_TASKS}.{name}" for name in ("greeting_user", "heavy_task", "put_together", "check_cat")),
    f"{_TASKS}.probe",
    f"{_OF}.canvas.tally",
    f"{_OF}.kill_child.kill_first",
    *(f"{_OF}.link_error.{name}" for name in ("may_fail", "tell_failure", "tell_success")),
    f"{_OF}.retry.fail_first",
    f"{_OF}.time_limit.sleep_for",
    f"{_OF}.work.work",
)
"""The tasks of the harness' own workloads, by the names under which workers have them; whoever
routes one has to name it so."""


def comes_along(workload: Workload) -> bool:
    """Whether its units are the harness' own: those of another package are not where a Celery of
    another version has an environment of its own."""
    of_parts = [part.units for part in workload.parts] if isinstance(workload, MixWorkload) else []
    return all(units.startswith(_OF) for units in (_UNITS[type(workload)], *of_parts))


def spec_of(workload: Workload, seed: int = 0) -> WorkloadSpec:
    """What clients and workers are told of a workload: `workload` of their cell spec. What units
    differ in is drawn from the run's `seed`."""
    return {**workload.for_clients(), "units": _UNITS[type(workload)], "seed": seed}
