"""Schedules in a scenario: what they are called, and what cannot work."""

from __future__ import annotations

import pytest

from tests.scenario.project import CONFIGURATION, Project

HERE = "scenarios/s.yaml"


def test_a_schedule_needs_no_loads(project: Project) -> None:
    """And takes none of the scenario's, which are for the other workloads."""
    project.change(
        "workloads: [{workload: periodic, every: 1s}, add, {workload: periodic, every: 0.5,"
        ' entries: 100, through: worker}, {workload: periodic, crontab: "*/2 * * * *"}]'
    )
    project.change("measure: {duration: 2m}")
    plan = project.plan()
    assert [cell.name for cell in plan.cells] == [
        "c/periodic-1s/schedule",
        "c/add/closed-8",
        "c/periodic-0.5s,entries=100,through=worker/schedule",
        "c/periodic,crontab=*_2_*_*_*_*/schedule",
    ]
    project.change("workloads: [{workload: periodic, every: 1s}]")
    project.change("-loads")
    assert len(project.plan().cells) == 1


GOOD = (
    ("every: 10s", "10s"),
    ('crontab: "* * * * *"', "60s"),
    ('crontab: "0,20 * * * *"', "40m"),
    ('crontab: "30 7 * * *"', "24h"),
)
BAD = (
    ("every: 10s", "9s", "10s", "up to 10 s pass between two fires, and measure.duration is 9 s"),
    (
        'crontab: "* * * * *"',
        "59s",
        '"* *',
        "up to 60 s pass between two fires, and measure.duration is 59 s",
    ),
    (
        'crontab: "0,20 * * * *"',
        "2399s",
        '"0,20',
        "up to 2400 s pass between two fires, and measure.duration is 2399 s",
    ),
    (
        'crontab: "0 0 31 12 *"',
        "60s",
        '"0 0',
        "this crontab can keep silent for two weeks, and has to fire while it is measured",
    ),
    ('crontab: "* * *"', "60s", '"* *', 'crontab "* * *": a crontab has five fields: minute, hour'),
    ('crontab: "61 * * * *"', "60s", '"61', 'crontab "61 * * * *": Invalid end range: 61 > 59.'),
    ('crontab: "x * * * *"', "60s", '"x', "crontab \"x * * * *\": Invalid weekday literal 'x'."),
    (
        "every: 1s, loads: [closed]",
        "10s",
        "closed",
        "beat publishes periodic tasks when they are due, no load closed does: leave out loads",
    ),
    (
        "every: 1s, loads: [{load: schedule, clients: 2}]",
        "10s",
        "2}",
        "beat publishes, and one client checks: leave out clients",
    ),
)


@pytest.mark.parametrize(("workload", "duration"), GOOD)
def test_what_works(project: Project, workload: str, duration: str) -> None:
    project.change(f"workloads: [{{workload: periodic, {workload}}}]")
    project.change(f"measure: {{duration: {duration}}}")
    assert len(project.plan().cells) == 1


@pytest.mark.parametrize(("workload", "duration", "at", "message"), BAD)
def test_what_cannot_work(
    project: Project, workload: str, duration: str, at: str, message: str
) -> None:
    """The one problem, where it is: `at` is what stands there."""
    line = f"workloads: [{{workload: periodic, {workload}}}]"
    project.change(line)
    project.change(f"measure: {{duration: {duration}}}")
    (problem,) = project.problems()
    assert problem.startswith(f"{HERE}:3:{line.rindex(at) + 1}: {message}")


def test_units_do_not_say_how_long(project: Project) -> None:
    project.change("workloads: [{workload: periodic, every: 1s}]")
    assert project.problems() == [
        f"{HERE}:3:13: a schedule is measured for a time: give measure.duration, not measure.units"
    ]


def test_no_other_workload_takes_the_load(project: Project) -> None:
    project.change("loads: [schedule]")
    assert project.problems() == [
        f"{HERE}:4:9: beat publishes periodic tasks only, not add: use workload periodic, or "
        "another load"
    ]


@pytest.mark.parametrize(
    ("configuration", "place", "expected"),
    [
        (
            "name: c\nbroker: {service: rabbitmq}\nbackend: {service: rpc}\n",
            "3:24",
            'results of fires would go to beat\'s own reply queue, and configuration "c" has '
            "backend rpc: nobody could check them, use another backend",
        ),
        (
            f"{CONFIGURATION}worker: {{count: 2}}\n",
            "3:54",
            'every worker with -B fires the whole schedule, and configuration "c" has 2: use '
            "worker.count 1, or through: beat",
        ),
        (
            f"{CONFIGURATION}worker: {{pool: gevent}}\n",
            "3:54",
            'Celery has no -B for pool gevent, which configuration "c" has: use another pool, or '
            "through: beat",
        ),
        (
            f"{CONFIGURATION}workers: {{a: {{queues: [celery], count: 2}}, b: {{queues: [x]}}}}\n",
            "3:54",
            'every worker with -B fires the whole schedule, and configuration "c" has 2 in its '
            "first group, a, whose worker gets it: use workers.a.count 1, or through: beat",
        ),
    ],
)
def test_configurations_that_cannot_have_it(
    project: Project, configuration: str, place: str, expected: str
) -> None:
    project.configuration(configuration)
    project.change("workloads: [{workload: periodic, every: 1s, through: worker}]")
    project.change("measure: {duration: 9s}")
    assert project.problems() == [f"{HERE}:{place}: {expected}"]


@pytest.mark.parametrize("setting", ["beat_schedule: {}", "beat_scheduler: x"])
def test_the_harness_makes_the_schedule(project: Project, setting: str) -> None:
    project.configuration(f"{CONFIGURATION}settings: {{{setting}}}\n")
    name = setting.partition(":")[0]
    assert project.problems() == [
        f"configs/c.yaml:4:12: {name} may not be set: the workload periodic makes the schedule"
    ]
