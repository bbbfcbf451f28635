"""Options of `celery worker` beat settings: what is planned before a worker can say it itself."""

from __future__ import annotations

from typing import Any

import pytest
from celery.utils.sysinfo import cpu_budget

from harness.scenario.models.configuration import Worker
from harness.scenario.settings.planned import planned_worker


def of(*options: str, settings: dict[str, Any] | None = None, **fields: Any) -> Any:
    """The plan of a worker with these options."""
    return planned_worker(Worker(options=options, **fields), settings or {})


def test_without_options_the_settings_hold() -> None:
    """And the prefetch window is concurrency x multiplier, Celery's default being 4."""
    assert of(concurrency=3).prefetch_count == 12
    assert of(settings={"worker_prefetch_multiplier": 1}).prefetch_count == 2
    assert of(settings={"worker_prefetch_multiplier": 0}).prefetch_count == 0


@pytest.mark.parametrize(
    ("options", "setting", "value"),
    [
        (("--prefetch-multiplier=1",), "worker_prefetch_multiplier", 1),
        (("--prefetch-multiplier", "16"), "worker_prefetch_multiplier", 16),
        (("--max-tasks-per-child", "1"), "worker_max_tasks_per_child", 1),
        (("--max-memory-per-child=50000",), "worker_max_memory_per_child", 50000),
        (("-E",), "worker_send_task_events", True),
        (("--disable-prefetch",), "worker_disable_prefetch", True),
        (("worker.prefetch_multiplier=9",), "worker_prefetch_multiplier", 9),
        (("_prefetch_multiplier=8",), "worker_prefetch_multiplier", 8),
        (("task_acks_late=true",), "task_acks_late", True),
    ],
)
def test_an_option_beats_its_setting(options: tuple[str, ...], setting: str, value: object) -> None:
    """In each way in which `celery worker` reads one."""
    plan = of(*options, settings={setting: 3})
    assert plan.settings[setting] == value
    assert setting in plan.decided


@pytest.mark.parametrize(
    ("option", "setting"),
    [("--time-limit=2.5", "task_time_limit"), ("--soft-time-limit=2.5", "task_soft_time_limit")],
)
def test_a_time_limit_beats_its_option(option: str, setting: str) -> None:
    """Each task has it from the settings, those of an app of the user's own, too."""
    plan = of(option, settings={setting: 3})
    assert plan.settings == {setting: 3}
    assert setting in plan.decided
    without = of(option)
    assert without.settings == {setting: 2.5}
    assert setting not in without.decided


@pytest.mark.parametrize("options", [("--autoscale", "10,3"), ("--autoscale=10,3",)])
def test_autoscale_beats_concurrency(options: tuple[str, ...]) -> None:
    """The pool begins with the least, and Celery prefetches for the most."""
    plan = of(*options, concurrency=1)
    assert (plan.least_concurrency, plan.concurrency, plan.prefetch_count) == (3, 10, 40)


def test_concurrency_auto_is_what_celery_makes_of_the_cores() -> None:
    for pool in ("prefork", "threads"):
        budget = cpu_budget(use_cgroup_quota=pool == "prefork")
        plan = of(pool=pool, concurrency="auto")
        assert (plan.least_concurrency, plan.concurrency) == (budget.count, budget.count)


def test_the_rest() -> None:
    """A value that follows its flag is no flag, and what says nothing of settings is left."""
    plan = of("-Ofair", "--without-gossip", "--without-mingle", "--loglevel", "INFO", "-l", "INFO")
    assert (plan.optimization, plan.off) == ("fair", {"gossip", "mingle"})
    assert plan.settings == {}
    assert of("-O", "fair").optimization == "fair"
    assert of(pool="solo", concurrency=1).concurrency == 1
