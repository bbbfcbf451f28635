"""From files to cells: overrides, names, the matrix, `--set`, `--config`, variables."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import InvalidInput
from harness.scenario.checks.judging import place_of
from harness.scenario.loads.closed import ClosedLoad
from harness.scenario.models.scenario import Plan, Scenario
from harness.scenario.plan.loader import load_plan
from harness.scenario.plan.pairing import paired_cells
from harness.scenario.workloads.add import AddWorkload
from harness.scenario.workloads.group import GroupWorkload
from tests.scenario.project import CONFIGURATION, Project

EXTERNAL = (
    "name: c\nbroker: {service: redis, provider: external, url: 'redis://:${PW}@${HOST}'}\n"
    "backend: {service: redis, url: '${OTHER}'}\n"
)


def names(plan: Plan) -> list[str]:
    return [cell.name for cell in plan.cells]


def test_a_small_plan(project: Project) -> None:
    plan = project.plan()
    (cell,) = plan.cells
    assert cell.name == "c/add/closed-8"
    assert cell.workload == AddWorkload(workload="add")
    assert cell.load == ClosedLoad(load="closed", in_flight=8)
    assert (cell.measure.units, cell.measure.duration, cell.measure.warmup) == (5, None, 20)
    assert plan.source == str(project.scenario)
    assert cell.configuration.broker.service == "redis"


def test_a_plan_survives_json(project: Project) -> None:
    project.change("matrix: {worker.concurrency: [1, 2]}")
    plan = project.plan()
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_overrides_apply_in_order_and_units_replace_a_duration(project: Project) -> None:
    project.change("measure: {duration: 2s, timeout: 1m}")
    project.change(
        "workloads: [{workload: add, measure: {warmup: 3}},"
        " {workload: group, measure: {units: 7}, loads:"
        " [closed, {load: closed, in_flight: 2, measure: {duration: 9s, warmup: 1}}]}]"
    )
    measures = {cell.name: cell.measure for cell in project.plan().cells}
    got = {name: (one.units, one.duration, one.warmup) for name, one in measures.items()}
    assert got == {
        "c/add/closed-8": (None, 2.0, 3),
        "c/group-2/closed-8": (7, None, 20),
        "c/group-2/closed-2": (None, 9.0, 1),
    }
    assert {one.timeout for one in measures.values()} == {60.0}


def test_what_was_applied_to_a_cell_is_taken_off_its_parts(project: Project) -> None:
    project.change(
        "workloads: [{workload: group, measure: {units: 7},"
        " loads: [{load: closed, measure: {warmup: 1}}]}]"
    )
    (cell,) = project.plan().cells
    assert cell.workload == GroupWorkload(workload="group")
    assert cell.load == ClosedLoad(load="closed")


def test_names_tell_cells_apart(project: Project) -> None:
    project.change(
        "workloads: [{workload: add, payload_bytes: 10}, {workload: heavy_task, n: a},"
        " {workload: heavy_task, n: b}, {workload: group, size: 3, collect: join},"
        " {workload: chain, measure: {units: 1}}, {workload: chain, measure: {units: 2}}]"
    )
    assert names(project.plan()) == [
        "c/add,payload_bytes=10/closed-8",
        "c/heavy_task-text,n=a/closed-8",
        "c/heavy_task-text,n=b/closed-8",
        "c/group-3,collect=join/closed-8",
        "c/chain-2/closed-8,units=1",
        "c/chain-2/closed-8,units=2",
    ]


# --- configurations -----------------------------------------------------------------------------


def test_configurations_by_name_and_by_path(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "d.yaml"
    elsewhere.write_text(CONFIGURATION.replace("name: c", "name: d"), encoding="utf-8")
    project.change("configurations: [c, ../d.yaml]")
    assert names(project.plan()) == ["c/add/closed-8", "d/add/closed-8"]
    only = load_plan(project.scenario, only=[str(elsewhere)])
    assert names(only) == ["d/add/closed-8"]
    assert only.scenario.configurations == (str(elsewhere),)


def test_an_unknown_configuration_on_the_command_line(project: Project) -> None:
    (message,) = project.problems(only=["cc"])
    assert message.startswith('--config cc:1:1: no configuration "cc" in ')
    assert message.endswith('(did you mean "c"?)')
    project.configuration(CONFIGURATION.replace("name: c", "name: cc"), name="file")
    (message,) = project.problems(only=["cc"])
    assert message.endswith(': configs/file.yaml has that name, write "file" in both')


def test_scenarios_in_the_current_folder_find_configs_beside_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder / "scenarios")
    assert names(load_plan(Path("s.yaml"))) == ["c/add/closed-8"]


# --- the matrix ---------------------------------------------------------------------------------


def test_matrix_axes_of_every_kind(project: Project) -> None:
    project.change(
        "matrix: {worker.concurrency: [1, 4], settings.task_acks_late: [true],"
        " settings.broker_transport_options.polling_interval: [1, 0.1]}"
    )
    cells = project.plan().cells
    assert [cell.name for cell in cells] == [
        "c[concurrency=1,task_acks_late=true,polling_interval=1]/add/closed-8",
        "c[concurrency=1,task_acks_late=true,polling_interval=0.1]/add/closed-8",
        "c[concurrency=4,task_acks_late=true,polling_interval=1]/add/closed-8",
        "c[concurrency=4,task_acks_late=true,polling_interval=0.1]/add/closed-8",
    ]
    last = cells[-1]
    assert last.configuration.worker.concurrency == 4
    assert last.configuration.settings == {
        "task_acks_late": True,
        "broker_transport_options": {"polling_interval": 0.1},
    }
    assert last.axes == {
        "worker.concurrency": 4,
        "settings.task_acks_late": True,
        "settings.broker_transport_options.polling_interval": 0.1,
    }


def test_axes_of_workloads_and_loads(project: Project) -> None:
    """They stand in the brackets, and not a second time behind them."""
    project.change(
        "matrix: {workload.payload_bytes: [0, 9], load.in_flight: [2, 4],"
        " workload.options.priority: [[0, 9]]}"
    )
    project.change("workloads: [add, {workload: group, size: 3, loads: [{load: closed}]}]")
    cells = project.plan().cells
    assert [cell.name for cell in cells[:3]] == [
        "c[payload_bytes=0,in_flight=2,priority=0+9]/add/closed",
        "c[payload_bytes=0,in_flight=2,priority=0+9]/group-3/closed",
        "c[payload_bytes=0,in_flight=4,priority=0+9]/add/closed",
    ]
    assert len(cells) == 8
    got = {
        (cell.workload.payload_bytes, cell.load.in_flight)
        for cell in cells
        if isinstance(cell.workload, AddWorkload) and isinstance(cell.load, ClosedLoad)
    }
    assert got == {(0, 2), (0, 4), (9, 2), (9, 4)}
    assert {cell.workload.options.priority for cell in cells} == {(0, 9)}
    assert cells[-1].axes == {
        "workload.payload_bytes": 9,
        "load.in_flight": 4,
        "workload.options.priority": [0, 9],
    }


def test_axes_of_work_can_be_compared(project: Project) -> None:
    project.change("matrix: {workload.payload_bytes: [0, 9]}")
    project.change("compare: {base: payload_bytes=0}")
    places = [place_of(cell) for cell in project.plan().cells]
    assert paired_cells(places, "payload_bytes=0") == ((0, 1),)


def test_joined_paths_take_the_same_value(project: Project) -> None:
    project.change(
        "matrix: {settings.worker_prefetch_multiplier+worker.concurrency+load.in_flight: [1, 2]}"
    )
    cells = project.plan().cells
    assert [cell.name for cell in cells] == [
        "c[worker_prefetch_multiplier+concurrency+in_flight=1]/add/closed",
        "c[worker_prefetch_multiplier+concurrency+in_flight=2]/add/closed",
    ]
    for number, cell in enumerate(cells, 1):
        assert cell.configuration.worker.concurrency == number
        assert cell.configuration.settings == {"worker_prefetch_multiplier": number}
        assert isinstance(cell.load, ClosedLoad)
        assert cell.load.in_flight == number
    places = [place_of(cell) for cell in cells]
    assert paired_cells(places, "concurrency=1") == ((0, 1),)


RABBITMQ = "name: c\nbroker: {service: rabbitmq}\nbackend: {service: rpc}\n"


@pytest.mark.parametrize(
    ("configuration", "complaint"),
    [
        (
            "name: c\nbroker: {service: sqs}\nbackend: {service: redis}\n",
            "SQS knows no priorities",
        ),
        (RABBITMQ, 'say "task_queue_max_priority: 9" under "settings:"'),
        (f"{RABBITMQ}settings: {{task_queue_max_priority: 5}}\n", "9 is above"),
        (
            f"{RABBITMQ}settings:\n  task_queue_max_priority: 9\n"
            "  task_default_queue_type: quorum\n",
            "quorum queues take no x-max-priority",
        ),
        (f"{RABBITMQ}settings: {{task_queue_max_priority: 9}}\n", None),
    ],
)
def test_priorities_need_a_broker_that_knows_them(
    project: Project, configuration: str, complaint: str | None
) -> None:
    project.configuration(configuration)
    project.change("workloads: [{workload: add, options: {priority: [0, 9]}}]")
    problems = project.problems()
    assert len(problems) == (complaint is not None)
    assert all(str(complaint) in problem for problem in problems)


def test_axes_with_the_same_last_word_keep_more_of_their_path(project: Project) -> None:
    project.change("matrix: {broker.server: [embedded], backend.server: [embedded]}")
    expected = "c[broker.server=embedded,backend.server=embedded]/add/closed-8"
    assert names(project.plan()) == [expected]


def test_a_whole_broker_can_be_an_axis_and_is_checked_against_the_rest(
    project: Project,
) -> None:
    project.configuration("name: c\nbroker: {service: rabbitmq}\nbackend: {service: rpc}\n")
    project.change("matrix: {broker: [{service: rabbitmq}, {service: sqs}]}")
    message = (
        "rpc results work with the broker rabbitmq or redis only, not with sqs: choose from "
        "`harness list backends`, for example redis"
    )
    assert project.problems() == [f"configs/c.yaml:3:20: {message}"]


def test_true_and_one_are_different_values(project: Project) -> None:
    project.change("matrix: {settings.task_annotations: [1, true]}")
    assert len(project.plan().cells) == 2


def test_a_bad_value_is_reported_once_however_many_points_it_is_part_of(project: Project) -> None:
    project.change("matrix: {worker.count: [1, 2, 3], worker.concurrency: [1, 0, 2]}")
    assert project.problems() == ["scenarios/s.yaml:6:59: must be at least 1, not 0"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.integers(1, 64), unique=True, min_size=1, max_size=5),
    pools=st.lists(st.sampled_from(["prefork", "threads"]), unique=True, min_size=1),
    in_flight=st.lists(st.integers(1, 10_000), unique=True, min_size=1, max_size=4),
)
def test_cells_are_the_product_and_their_names_unique(
    project: Project, counts: list[int], pools: list[str], in_flight: list[int]
) -> None:
    project.change(f"matrix: {{worker.count: {counts}, worker.pool: {pools}}}")
    project.change(f"loads: [{', '.join(f'{{load: closed, in_flight: {n}}}' for n in in_flight)}]")
    cells = project.plan().cells
    points = {
        (cell.configuration.worker.count, cell.configuration.worker.pool, cell.load.in_flight)
        for cell in cells
        if isinstance(cell.load, ClosedLoad)
    }
    assert len(cells) == len(points) == len(counts) * len(pools) * len(in_flight)
    assert len(set(map(str, (cell.name for cell in cells)))) == len(cells)


def test_too_many_cells(project: Project) -> None:
    project.change(f"matrix: {{worker.concurrency: {list(range(1, 1025))}}}")
    loads = ", ".join(f"{{load: closed, in_flight: {n}}}" for n in range(1, 11))
    project.change(f"loads: [{loads}]")
    assert project.problems() == ["scenarios/s.yaml:3:1: 10240 cells: a scenario has 10000 at most"]


# --- combinations -------------------------------------------------------------------------------


def test_without_results_only_a_backlog_of_single_tasks_works(project: Project) -> None:
    project.configuration("name: c\nbroker: {service: redis}\nbackend: {service: none}\n")
    project.change("workloads: [add, group]")
    project.change("loads: [closed, backlog]")
    who = 'configuration "c" has backend none'
    assert project.problems() == [
        f"scenarios/s.yaml:3:18: a group's results are joined, and {who}: use another backend",
        f"scenarios/s.yaml:4:9: closed load waits for results, and {who}: use load "
        "backlog, or load rate with results: afterwards",
    ]
    project.change("workloads: [add, chain]")
    project.change("loads: [backlog]")
    assert project.problems() == []


def test_not_every_broker_and_setting_has_every_publish_path(project: Project) -> None:
    """kombu batches for Redis only; what is sent in one go must not be sent again by itself."""
    project.change("loads: [{load: backlog, publish: batch}, {load: backlog, publish: prebuilt}]")
    assert project.problems() == []
    where = "scenarios/s.yaml:4"
    for service in ("rabbitmq", "sqs"):
        project.configuration(
            f"name: c\nbroker: {{service: {service}}}\nbackend: {{service: redis}}\n"
        )
        assert project.problems() == [f"{where}:34: {service} has no batch: use api or prebuilt"]
    redis = "name: c\nbroker: {service: redis}\nbackend: {service: redis}\nsettings:\n"
    project.configuration(f"{redis}  broker_transport_options: {{retry_on_timeout: true}}\n")
    again = "with retry_on_timeout, redis-py may send a whole"
    assert project.problems() == [
        f"{where}:34: {again} batch twice: use publish: api",
        f"{where}:67: {again} prebuilt twice: use publish: api",
    ]
    project.configuration(f"{redis}  task_send_sent_event: true\n")
    sent = "prebuilt sends no events, and task_send_sent_event asks for them"
    assert project.problems() == [f"{where}:67: publish: {sent}: use publish: api"]


def test_loads_are_named_by_their_publish_path(project: Project) -> None:
    project.change("loads: [backlog, {load: backlog, publish: prebuilt}]")
    assert [cell.name for cell in project.plan().cells] == [
        "c/add/backlog",
        "c/add/backlog,publish=prebuilt",
    ]


def test_ignored_results_count_as_none(project: Project) -> None:
    project.change("matrix: {settings.task_ignore_result: [true]}")
    (message,) = project.problems()
    assert "closed load waits for results" in message
    assert "has task_ignore_result" in message


def test_a_payload_that_sqs_does_not_take(project: Project) -> None:
    project.configuration("name: c\nbroker: {service: sqs}\nbackend: {service: redis}\n")
    project.change("workloads: [{workload: add, payload_bytes: 2000000}]")
    assert project.problems() == [
        "scenarios/s.yaml:3:44: 2,000,000 bytes are a message of 3,555,556 bytes or more on sqs, "
        "base64 included, and it takes 1,048,576 at most: send up to 589,000"
    ]


SIZED = "name: c\nbroker: {{service: redis}}\nbackend: {{{}}}\n"


@pytest.mark.parametrize(
    ("backend", "workload", "place", "size"),
    [
        # Measured: 65,000 bytes are kept, of 65,600 the insert fails.
        ("service: mysql", "{workload: add, payload_bytes: 65600}", "3:44", "65,600"),
        ("service: mysql", "{workload: add, payload_bytes: 65000}", "", ""),
        ("service: memcached", "{workload: add, payload_bytes: 1049000}", "3:44", "1,049,000"),
        ("service: memcached", "{workload: add, payload_bytes: 1047000}", "", ""),
        ("service: dynamodb", "{workload: add, payload_bytes: 410000}", "3:44", "410,000"),
        ("service: dynamodb", "{workload: add, payload_bytes: 409000}", "", ""),
        # A chord's body gives back the whole header, a group's members only their own.
        ("service: mysql", "{workload: chord, size: 7, payload_bytes: 9500}", "3:55", "66,500"),
        ("service: mysql", "{workload: group, size: 7, payload_bytes: 9500}", "", ""),
        (
            "service: mysql",
            "{workload: task, app: shop, task: a, args: [{text: 70000}], expect: {argument: 0}}",
            "3:57",
            "70,000",
        ),
        ("service: mysql", "{workload: task, app: shop, task: a, args: [{text: 70000}]}", "", ""),
        (
            "service: memcached, provider: external, url: 'memcached://h:1'",
            "{workload: add, payload_bytes: 1049000}",
            "",
            "",
        ),
        ("service: postgresql", "{workload: add, payload_bytes: 9000000}", "", ""),
    ],
)
def test_a_result_that_a_backend_does_not_keep(
    project: Project, backend: str, workload: str, place: str, size: str
) -> None:
    project.configuration(SIZED.format(backend))
    project.change(f"workloads: [{workload}]")
    problems = project.problems()
    if not place:
        assert problems == []
        return
    (problem,) = problems
    assert problem.startswith(f"scenarios/s.yaml:{place}: {size} bytes come back as a result, and ")
    compressed = project.problems("config.settings.result_compression=gzip")
    assert compressed == ([] if "dynamodb" in backend else problems)


def test_results_that_nobody_keeps_have_any_size(project: Project) -> None:
    project.configuration(SIZED.format("service: mysql") + "settings: {task_ignore_result: true}\n")
    project.change("workloads: [{workload: add, payload_bytes: 70000}]")
    project.change("loads: [backlog]")
    assert project.problems() == []


# --- --set --------------------------------------------------------------------------------------


def test_set_changes_the_scenario_and_its_configurations(project: Project) -> None:
    plan = project.plan(
        "measure.units=100",
        "workloads.0.payload_bytes=5",
        "loads.0.in_flight=2",
        "config.worker.concurrency=4",
        "config.settings.task_acks_late=true",
        "config.settings.broker_transport_options.polling_interval=0.1",
        "config.worker.options=[--without-gossip]",
    )
    (cell,) = plan.cells
    assert cell.name == "c/add,payload_bytes=5/closed-2"
    assert cell.measure.units == 100
    assert cell.configuration.worker.concurrency == 4
    assert cell.configuration.worker.options == ("--without-gossip",)
    assert cell.configuration.settings == {
        "task_acks_late": True,
        "broker_transport_options": {"polling_interval": 0.1},
    }
    assert plan.scenario.measure.units == 100


def test_set_an_axis(project: Project) -> None:
    plan = project.plan("matrix.worker.count=[1, 2]")
    assert names(plan) == ["c[count=1]/add/closed-8", "c[count=2]/add/closed-8"]


def test_set_a_duration_takes_the_units_away(project: Project) -> None:
    measure = project.plan("measure.duration=3s").cells[0].measure
    assert (measure.units, measure.duration) == (None, 3.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("measure.unitz=3", '1:9: unknown key "unitz" (did you mean "units"?)'),
        ("measure.units=many", '1:15: expected a whole number, not "many"'),
        ("measure.units=", "scenarios/s.yaml:4:9: how long is load closed measured?"),
        ("measure.units", "1:1: expected PATH=VALUE, for example measure.units=100"),
        ("=3", "1:1: expected PATH=VALUE, for example measure.units=100"),
        ("a..b=3", "1:1: expected PATH=VALUE, for example measure.units=100"),
        ("measure.units=[1", "1:17: a [ or { that begins here is never closed"),
        ("loads.7.in_flight=3", '1:9: "7" is no entry of this list: its 1 entries count from 0'),
        ("loads.x=3", '1:7: "x" is no entry of this list'),
        ("name.x=3", '1:6: "x" cannot be set below something that is not a mapping'),
        ("config.wrker.count=3", '1:14: unknown key "wrker" (did you mean "worker"?)'),
        ("config.settings.task_ack_late=true", '1:17: Celery has no setting "task_ack_late"'),
        ("config.worker.pool=thread", "1:20: expected one of prefork, threads"),
        ("config=3", '1:1: unknown key "config"'),
        ("matrix.worker.count=[0]", "1:22: must be at least 1, not 0"),
    ],
)
def test_problems_of_set_say_where_in_it(project: Project, text: str, expected: str) -> None:
    messages = project.problems(text)
    path = text.partition("=")[0]
    start = expected if expected.startswith("scenarios") else f"--set {path}:{expected}"
    assert messages
    assert messages[0].startswith(start)


def test_set_units_and_duration_by_hand_is_as_wrong_as_in_a_file(project: Project) -> None:
    (message,) = project.problems("measure.units=3", "measure.duration=3s")
    assert message.endswith("give units or duration, not both")


def test_the_value_of_a_set_is_not_repeated(project: Project) -> None:
    messages = project.problems(
        "config.broker.url=redis://:hunter2@host", "config.broker.x=hunter2"
    )
    assert len(messages) == 2
    assert "hunter2" not in "".join(messages)


# --- variables ----------------------------------------------------------------------------------


def test_missing_variables_are_named_where_they_stand(project: Project) -> None:
    project.configuration(EXTERNAL)
    assert project.problems() == []
    assert project.problems(environ={}) == [
        "configs/c.yaml:2:51: set the environment variable HOST",
        "configs/c.yaml:2:51: set the environment variable PW",
    ]
    assert project.problems(environ={"PW": "x", "HOST": "y"}) == []


def test_only_urls_that_will_be_used_need_their_variables(project: Project) -> None:
    project.configuration(EXTERNAL)
    assert project.problems(environ={}, provider="local") == []
    assert project.problems(environ={"PW": "x", "HOST": "y"}, provider="external") == [
        "configs/c.yaml:3:32: set the environment variable OTHER"
    ]


def test_values_of_variables_do_not_enter_the_plan(project: Project) -> None:
    project.configuration(EXTERNAL)
    environ = {"PW": "hunter2", "HOST": "h", "OTHER": "redis://x"}
    text = load_plan(project.scenario, environ=environ).model_dump_json()
    assert "hunter2" not in text
    assert "${PW}" in text


def test_a_pool_that_is_not_installed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.configuration(CONFIGURATION + "worker: {pool: gevent}\n")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "gevent" else found(name)
    )
    assert project.problems() == []
    assert project.problems(environ={}) == [
        "configs/c.yaml:4:16: pool gevent needs gevent, not installed here: "
        "pip install 'celery-config-bench[gevent]'"
    ]


def test_frozen(project: Project) -> None:
    plan = project.plan()
    with pytest.raises(ValueError, match="frozen"):
        plan.scenario.name = "other"  # type: ignore[misc] # the point of the test
    assert isinstance(plan.scenario, Scenario)
    with pytest.raises(InvalidInput):
        project.plan("measure.units=0")


# --- one cause, one problem ---------------------------------------------------------------------


def test_no_results_at_all_is_one_problem(project: Project) -> None:
    project.configuration("name: c\nbroker: {service: redis}\nbackend: {service: none}\n")
    project.change("workloads: [add, group, chord, {workload: add, payload_bytes: 5}]")
    project.change("loads: [closed, backlog]")
    (problem,) = project.problems()
    assert problem == (
        "configs/c.yaml:3:20: with backend none no results are stored, and 6 of the scenario's 8 "
        "cells need them: add/closed-8, group-2/closed-8, group-2/backlog, .... Leave this "
        "configuration out, or measure single tasks and chains by load backlog, or by load rate "
        "with results: afterwards, with results_left: ignore"
    )
    project.configuration(CONFIGURATION)
    project.change("matrix: {settings.task_ignore_result: [false, true]}")
    (problem,) = project.problems()
    assert problem.startswith(
        "scenarios/s.yaml:6:47: with task_ignore_result no results are stored"
    )


def test_the_size_on_sqs_is_that_of_the_whole_message(project: Project) -> None:
    """Bodies are written in base64 twice, compressed ones are not foreseen, args count as well."""
    text = "name: c\nbroker: {service: sqs}\nbackend: {service: redis}\n"
    for size, fits in ((589_000, True), (590_000, False)):
        project.configuration(text)
        project.change(f"workloads: [{{workload: add, payload_bytes: {size}}}]")
        assert (project.problems() == []) == fits
        own = f"{{app: a, task: t, args: [1, {{text: {size}}}]}}"
        project.change(f"workloads: [{{workload: {own}}}]")
        assert (project.problems() == []) == fits
    plain = f"{text}settings: {{broker_transport_options: {{sqs_base64_encoding: false}}}}\n"
    for other in (plain, f"{text}settings: {{task_compression: gzip}}\n"):
        project.configuration(other)
        assert project.problems() == []


def test_a_scenario_that_is_not_there_hints_at_the_one_meant(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    for named, hint in (
        ("t", 'no scenario "t" in scenarios, nor shipped'),
        ("quickstar", '(did you mean "quickstart"?)'),
        ("scenario/quickstart.yaml", '(did you mean "quickstart"?)'),
        ("scenario/s.yml", '(did you mean "scenarios/s.yaml"?)'),
        ("zzzzzzzzzzzz.yaml", "; `harness list scenarios` shows which there are"),
    ):
        with pytest.raises(InvalidInput) as caught:
            load_plan(Path(named))
        assert hint in str(caught.value)


def test_problems_of_all_layers_at_once(project: Project) -> None:
    """An unknown key hides no bad gate, no bad base and no workload that cannot work."""
    project.configuration("name: c\nbroker: {service: redis}\nbackend: {service: rpc}\n")
    project.change("workloads: [chord]")
    project.change("colour: blue")
    project.change("matrix: {worker.count: [1, 2]}")
    project.change('gates: ["p99(latency.totl) < 1s"]')
    project.change("compare: {base: worker.count=3}")
    found = project.problems()
    assert [one.split(":")[1] for one in found] == ["3", "6", "8", "9"]
    for one, words in zip(
        found,
        ("a chord waits", 'unknown key "colour"', "latency.totl", "worker.count=3"),
        strict=True,
    ):
        assert words in one


def test_gates_are_read_where_nothing_else_is(project: Project) -> None:
    project.change("measure: {unitz: 5}")
    project.change('gates: ["p99(latency.totl) < 1s", 5]')
    assert [one.split(":")[1] for one in project.problems()] == ["5", "6", "6"]


def test_a_base_that_cannot_be_read_is_no_unknown_one(project: Project) -> None:
    project.configuration(CONFIGURATION.replace("name: c", "name: d") + "worker: {count: 0}\n", "d")
    project.change("configurations: [c, d]")
    project.change("compare: {base: d}")
    (problem,) = project.problems()
    assert problem.startswith("configs/d.yaml:4:17: must be at least 1")
