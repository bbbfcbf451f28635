"""What the workers of a block ran with, as they said themselves; before they run, as is planned.

Every reader of settings looks here, not at the configuration: options of `celery worker` and an
app's own code beat what stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.probe.recording.ran_with import FILE_PREFIX
from harness.results.record.stored import Plain, Stored
from harness.scenario.models.configuration import Worker, groups_of
from harness.scenario.settings.planned import Planned, planned_worker


class RanWith(Stored):
    """One kind of worker process of a block: all that ran with the same."""

    group: str = ""
    """Its group of workers; empty where there is only one."""
    pool: str
    """`prefork`, `threads`, `gevent`, `solo`; another one by `module:class`."""
    concurrency: int
    """Tasks that each can run at once; with `--autoscale` at most."""
    least_concurrency: int
    """Tasks that each can run at once; with `--autoscale` at least."""
    prefetch_count: int | None = None
    """Messages that each takes at once, unacknowledged; 0 for no limit, None if unknown."""
    optimization: str = "default"
    """What `-O` says: `default` or `fair`."""
    queues: tuple[str, ...] = ()
    gossip: bool | None = None
    mingle: bool | None = None
    heartbeat: bool | None = None
    """Between workers, as events; None where this Celery does not say."""
    settings: Plain = {}
    """Those that differ from Celery's defaults, by their lower-case names: the configuration's, an
    app's own, and the worker's options, whoever had the last word. Texts that might hold a secret
    stand as `...`. Not `worker_pool` and `worker_concurrency`: see the fields."""
    tasks: dict[str, Plain] = {}
    """Measured tasks of the user's own -> options that hold for them: `acks_late`, `time_limit`
    (None: the setting holds) ..."""
    count: int = 1
    """Worker processes that ran with this."""
    reported: bool = True
    """Whether they said so themselves; False: it is what the plan says."""

    def setting(self, name: str, default: Any) -> Any:
        """What a setting was, or Celery's default, which the caller knows."""
        value = self.settings.get(name)
        return default if value is None or value == "..." else value

    def transport_option(self, name: str, default: Any) -> Any:
        """One of `broker_transport_options`, or kombu's default."""
        options = self.setting("broker_transport_options", {})
        value = options.get(name) if isinstance(options, Mapping) else None
        return default if value is None or value == "..." else value

    def options(self, name: str, default: Any) -> frozenset[Any]:
        """The values that an option such as `acks_late` has among the measured tasks: of the
        tutorial's, and of one that says nothing, what the setting `task_...` says."""
        plain = self.setting(f"task_{name}", default)
        own = (task.get(name) for task in self.tasks.values())
        return frozenset(plain if value is None else value for value in own) or frozenset({plain})

    @property
    def autoscales(self) -> bool:
        """Whether its pool grows and shrinks."""
        return self.least_concurrency != self.concurrency


def reports_in(events: Path) -> tuple[RanWith, ...]:
    """What the workers of a block have said into the folder of its event logs, those that ran with
    the same together. A worker that was started again counts once."""
    workers: dict[str, set[str]] = {}
    for path in sorted(events.glob(f"{FILE_PREFIX}*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        name = str(said.pop("worker", path.name))
        workers.setdefault(json.dumps(said, sort_keys=True), set()).add(name)
    return tuple(
        RanWith.model_validate(json.loads(said) | {"count": len(names)})
        for said, names in workers.items()
    )


def ran_by_group(
    reports: Iterable[RanWith], groups: Mapping[str, Worker], settings: Mapping[str, Any]
) -> dict[str, RanWith]:
    """What each group of workers ran with, by its name: what the first of them said; where none did
    (a block of an older version, or that has not run), the plan. `count` is that of the group.
    `groups` and `settings` are a configuration's."""
    said: dict[str, RanWith] = {}
    for report in reports:
        said.setdefault(report.group if len(groups) > 1 else next(iter(groups)), report)
    return {
        name: said[name].model_copy(update={"count": group.count})
        if name in said
        else _of_plan(planned_worker(group, settings), name if len(groups) > 1 else "")
        for name, group in groups.items()
    }


def ran_or_planned(reports: Iterable[RanWith], config: Mapping[str, Any]) -> RanWith:
    """What the first worker said; where none did, the plan of the first group. `config`: a
    configuration as a record holds it."""
    for report in reports:
        return report
    return next(iter(stored_groups(reports, config).values()))


def stored_groups(reports: Iterable[RanWith], config: Mapping[str, Any]) -> dict[str, RanWith]:
    """`ran_by_group` of a configuration as a record holds it."""
    return ran_by_group(reports, groups_of(config), config.get("settings") or {})


def slots_of(groups: Mapping[str, RanWith]) -> int:
    """Tasks that the workers of all groups can run at once, at most."""
    return sum(one.concurrency * one.count for one in groups.values())


def _of_plan(plan: Planned, group: str) -> RanWith:
    return RanWith(
        group=group,
        pool=plan.pool,
        concurrency=plan.concurrency,
        least_concurrency=plan.least_concurrency,
        prefetch_count=plan.prefetch_count,
        optimization=plan.optimization,
        gossip="gossip" not in plan.off,
        mingle="mingle" not in plan.off,
        heartbeat="heartbeat" not in plan.off,
        settings=dict(plan.settings),
        count=plan.count,
        reported=False,
    )
