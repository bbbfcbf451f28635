"""Plans of tasks that do what tasks in production do: names, and what cannot work, at its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from celery import current_app

from harness.probe.workloads.registry import import_tasks
from harness.runner.prepare.cellspec import with_rate_limits
from harness.scenario.files.kinds import name_of
from harness.scenario.plan.bounds import block_bound_s
from harness.scenario.workloads.base import OneTask
from harness.scenario.workloads.registry import ROWS
from harness.scenario.workloads.retry import RetryWorkload
from tests.scenario.project import CONFIGURATION, Project

PAGE = Path(__file__).parents[3] / "docs" / "what-tasks-do.md"
DELAYED = (
    "name: c\nbroker: {service: rabbitmq}\nbackend: {service: redis}\n"
    "settings: {task_default_queue_type: quorum, task_default_exchange_type: topic}\n"
)
"""Quorum queues whose messages RabbitMQ itself delays."""


@pytest.mark.parametrize(
    ("workload", "label"),
    [
        ("retry", "retry-2"),
        ("{workload: retry, failures: 5, countdown: 1s}", "retry-5,countdown=1.0"),
        ("{workload: time_limit, soft_time_limit: 1s}", "time_limit-soft-1s"),
        ("{workload: kill_child, every: 4, kills: 2}", "kill_child-4,kills=2"),
        ("{workload: revoke, terminate: true}", "revoke-10,terminate=true"),
        ("{workload: link_error, every: 4}", "link_error-4"),
        (
            "{workload: time_limit, time_limit: 1s, every: 9}",
            "time_limit-hard-1s,every=9",
        ),
    ],
)
def test_names_of_cells(project: Project, workload: str, label: str) -> None:
    project.change(f"workloads: [{workload}]")
    (cell,) = project.plan().cells
    assert cell.name == f"c/{label}/closed-8"


@pytest.mark.parametrize(
    ("workload", "problem"),
    [
        (
            "{workload: retry, countdown: 1s, retry_backoff: 1s}",
            "give countdown or retry_backoff, not both",
        ),
        (
            "{workload: retry, retry_jitter: false}",
            "retry_jitter belongs to retry_backoff: give that, too",
        ),
        (
            "{workload: retry, retry_backoff: 1500ms}",
            "Celery counts a backoff in whole seconds: 1s, 2s ...",
        ),
        (
            "{workload: retry, failures: 3, countdown: 10s}",
            "the 3 retries of a unit may wait 30 s together, and the timeout is 30 s: raise "
            "measure.timeout, or wait less",
        ),
        (
            "{workload: retry, failures: 9, max_retries: 5, retry_backoff: 1s}",
            "the 5 retries of a unit may wait 31 s together, and the timeout is 30 s: raise "
            "measure.timeout, or wait less",
        ),
        ("{workload: time_limit}", "give a soft_time_limit, a time_limit, or both"),
        (
            "{workload: time_limit, soft_time_limit: 2s, time_limit: 1s}",
            "time_limit has to be above soft_time_limit: Celery looks at it only after that",
        ),
        (
            "{workload: time_limit, time_limit: 1s, every: 2, sleep: 1s}",
            "sleep has to be below the limit: else every unit runs into it",
        ),
        (
            "{workload: time_limit, time_limit: 30s}",
            "a task runs for 30 s before it is ended, and the timeout is 30 s: raise "
            "measure.timeout, or lower the limit",
        ),
        (
            "{workload: revoke, after: 30s}",
            "3:39: a unit has 30 s, and none is left to be revoked then: raise measure.timeout, "
            "or lower after",
        ),
        (
            "{workload: revoke, after: 35s, options: {countdown: 5s}}",
            "3:39: a unit has 35 s, and none is left to be revoked then: raise measure.timeout, "
            "or lower after",
        ),
        (
            "{workload: revoke, sleep: 30s}",
            "3:39: a task takes 30 s, and the timeout is 30 s: raise measure.timeout, or lower "
            "sleep",
        ),
    ],
)
def test_what_cannot_work_is_told(project: Project, workload: str, problem: str) -> None:
    project.change(f"workloads: [{workload}]")
    (found,) = project.problems()
    assert found.endswith(problem)


@pytest.mark.parametrize(
    "workload",
    ["{workload: retry, countdown: 500ms}", "{workload: add, options: {countdown: 500ms}}"],
)
def test_rabbitmq_delays_by_whole_seconds(project: Project, workload: str) -> None:
    project.configuration(DELAYED)
    project.change(f"workloads: [{workload}]")
    (problem,) = project.problems()
    assert "a countdown below 1s" in problem
    project.change(f"workloads: [{workload.replace('500ms', '1s')}]")
    assert not project.problems()


@pytest.mark.parametrize(
    ("pool", "knows"),
    [
        ("threads", "keeps no time limits"),
        ("solo, concurrency: 1", "keeps no time limits"),
        ("gevent", "knows only a time_limit"),
    ],
)
def test_pools_without_time_limits(project: Project, pool: str, knows: str) -> None:
    """Each limit that is not kept, at its line."""
    project.configuration(f"{CONFIGURATION}worker: {{pool: {pool}}}\n")
    project.change("workloads: [{workload: time_limit, soft_time_limit: 1s, time_limit: 2s}]")
    name = pool.partition(",")[0]
    expected = ["3:53", "3:69"] if name != "gevent" else ["3:53"]
    assert project.problems() == [
        f"scenarios/s.yaml:{place}: pool {name} {knows}: use pool prefork" for place in expected
    ]


@pytest.mark.parametrize("pool", ["threads", "gevent", "solo, concurrency: 1"])
def test_only_prefork_has_children_to_kill(project: Project, pool: str) -> None:
    project.configuration(f"{CONFIGURATION}worker: {{pool: {pool}}}\n")
    project.change("workloads: [kill_child]")
    (problem,) = project.problems()
    assert problem.endswith(
        f"3:13: pool {pool.partition(',')[0]} runs tasks in the worker itself, which would be "
        "killed: use pool prefork"
    )


def test_a_task_that_is_ended_may_be_as_long_as_it_likes(project: Project) -> None:
    project.change("workloads: [{workload: revoke, sleep: 1min, every: 1, terminate: true}]")
    assert not project.problems()


def test_who_cannot_be_told_of_a_revocation(project: Project) -> None:
    """SQS has no broadcast, a worker may be deaf, and a thread cannot be ended."""
    project.change("workloads: [{workload: revoke, terminate: true}]")
    assert not project.problems()
    project.configuration("name: c\nbroker: {service: sqs}\nbackend: {service: redis}\n")
    (problem,) = project.problems()
    assert "workers on sqs take no remote control" in problem
    project.configuration(f"{CONFIGURATION}settings: {{worker_enable_remote_control: false}}\n")
    (problem,) = project.problems()
    assert problem.endswith(
        "worker_enable_remote_control is off, and revoke needs it: leave it out"
    )
    project.configuration(f"{CONFIGURATION}worker: {{pool: threads}}\n")
    (problem,) = project.problems()
    assert "3:43: pool threads cannot end a task that runs" in problem


@pytest.mark.parametrize(
    ("configuration", "why"),
    [
        (
            "name: c\nbroker: {service: rabbitmq}\nbackend: {service: rpc}\n",
            "results on rpc reach the client alone: use another backend",
        ),
        (
            "name: c\nbroker: {service: redis}\nbackend: {service: none}\n",
            "no results are stored: leave this workload out",
        ),
        (
            f"{CONFIGURATION}settings: {{task_ignore_result: true}}\n",
            "no results are stored: leave this workload out",
        ),
    ],
)
def test_what_errbacks_cannot_read(project: Project, configuration: str, why: str) -> None:
    project.configuration(configuration)
    project.change("workloads: [link_error]")
    project.change("loads: [backlog]")
    (problem,) = project.problems()
    assert problem.endswith(f"3:13: an errback reads what its task failed with, and {why}")


def test_units_with_errbacks_are_two_tasks(project: Project) -> None:
    """So no part of a mix."""
    project.change("workloads: [{workload: mix, parts: [add, link_error]}]")
    (problem,) = project.problems()
    assert "link_error" in problem


@pytest.mark.parametrize("rate", ["10/q", "fast", "0/s", "1/s/m"])
def test_rate_limits_are_as_celery_reads_them(project: Project, rate: str) -> None:
    project.change(f"workloads: [{{workload: add, rate_limit: {rate}}}]")
    (problem,) = project.problems()
    assert problem.startswith("scenarios/s.yaml:3:41: ")
    project.change("workloads: [{workload: add, rate_limit: 10/s}]")
    (cell,) = project.plan().cells
    assert cell.workload.rate_limits == {"harness.probe.tasks.add": "10/s"}


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("worker_disable_rate_limits: true", "worker_disable_rate_limits is on"),
        ("task_annotations: {'*': {rate_limit: 1/s}}", 'task_annotations has a rate_limit for "*"'),
    ],
)
def test_rate_limits_that_nobody_keeps(project: Project, setting: str, why: str) -> None:
    project.configuration(f"{CONFIGURATION}settings: {{{setting}}}\n")
    project.change("workloads: [{workload: add, rate_limit: 10/s}]")
    (problem,) = project.problems()
    assert f"3:41: {why}" in problem


def test_parts_of_one_task_share_a_rate_limit(project: Project) -> None:
    parts = "{workload: add, rate_limit: 1/s}, {workload: add, name: b%s}, {workload: work}"
    project.change(f"workloads: [{{workload: mix, parts: [{parts % ''}]}}]")
    (problem,) = project.problems()
    assert '"add" and "b" run one task' in problem
    project.change(f"workloads: [{{workload: mix, parts: [{parts % ', rate_limit: 1/s'}]}}]")
    (cell,) = project.plan().cells
    assert cell.workload.rate_limits == {"harness.probe.tasks.add": "1/s"}


def test_a_tasks_own_annotations_stay() -> None:
    """Celery takes the first annotation of a task, and looks no further."""
    said = {"t": {"acks_late": True}, "other": {"rate_limit": "3/s"}}
    found = with_rate_limits({"task_annotations": said, "timezone": "UTC"}, {"t": "1/s"})
    assert found == {
        "task_annotations": [{"t": {"acks_late": True, "rate_limit": "1/s"}}, said],
        "timezone": "UTC",
    }
    assert with_rate_limits({"task_annotations": said}, {}) == {"task_annotations": said}


@pytest.mark.parametrize("workload", ["add", "heavy_task", "work"])
def test_limited_tasks_have_their_names(workload: str) -> None:
    """The model says as text what the module of its units defines."""
    (row,) = (one for one in ROWS if name_of(one.model, "workload") == workload)
    import_tasks({"units": row.units})
    assert issubclass(row.model, OneTask)
    assert row.model.task in current_app.tasks


def test_the_time_of_a_unit_counts_from_its_eta(project: Project) -> None:
    """A countdown beyond the timeout is no problem: clients wait longer, and so may the block."""
    project.change("workloads: [{workload: add, options: {countdown: 40s}}]")
    (cell,) = project.plan().cells
    assert cell.unit_limit_s == 70.0
    project.change("workloads: [add]")
    (plain,) = project.plan().cells
    assert plain.unit_limit_s == 30.0
    # Warm-up and load in turn, three and one wave of 8 callers, and twice a unit's time.
    assert block_bound_s(cell) - block_bound_s(plain) == (3 + 1 + 2) * 40.0


def test_waits_of_a_backoff() -> None:
    """1 + 2 + 4 + 5 + 5 s: each is twice the one before, and none is above the most."""
    workload = RetryWorkload(
        workload="retry", failures=5, max_retries=9, retry_backoff=1.0, retry_backoff_max=5.0
    )
    assert workload.longest_waits_s == 17.0


def test_the_examples_of_the_page(project: Project) -> None:
    """docs/what-tasks-do.md: they load."""
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    project.configuration(CONFIGURATION.replace("name: c", "name: redis"), "redis")
    rabbitmq = "name: rabbitmq\nbroker: {service: rabbitmq}\nbackend: {service: redis}\n"
    project.configuration(rabbitmq, "rabbitmq")
    numbers = []
    for example in examples:
        project.scenario.write_text(example, encoding="utf-8")
        numbers.append(len(project.plan().cells))
    assert numbers == [2 * 9, 1]
