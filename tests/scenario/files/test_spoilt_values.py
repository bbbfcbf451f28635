"""One bad value brings the problems at its place, and none that would go with it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import InvalidInput, Problem
from harness.scenario.files.document import Document, Location, Mark
from harness.scenario.files.validation import validate
from harness.scenario.files.yaml12 import parse
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.scenario import Scenario
from harness.scenario.plan.loader import load_plan
from harness.scenario.settings.celery_settings import settings_problems
from tests.scenario.project import Project

BAD: tuple[Any, ...] = ("x y", -1, [], {}, None, True, "", 0.5, [{}], {"a": "b"}, "clsd", "1m x")
"""One of them is wrong almost anywhere."""

CONFIGURATIONS = {
    "plain": """
        name: plain
        broker: {service: redis}
        backend: {service: redis, apart: true}
        worker: {pool: prefork, concurrency: 2, count: 2, options: [--without-gossip]}
        settings: {task_acks_late: true, result_expires: 60, worker_prefetch_multiplier: 2}
        network: {rtt: 1ms}
    """,
    "rabbit": """
        name: rabbit
        broker: {service: rabbitmq}
        backend: {service: rpc}
        worker: {concurrency: 4, count: 2}
        settings: {task_queue_max_priority: 10, task_default_queue_type: classic}
        queues: {celery: {type: classic, max_priority: 10, arguments: {x-max-length: 9}}}
        celery: "5.6.3"
    """,
    "sqs": """
        name: sqs
        broker: {service: sqs}
        backend: {service: memcached}
        worker: {pool: solo, concurrency: 1}
        settings:
          result_compression: gzip
          task_compression: gzip
          broker_transport_options: {polling_interval: 0.1, wait_time_seconds: 5}
    """,
    "silent": """
        name: silent
        broker: {service: redis}
        backend: {service: none}
        worker: {pool: threads, concurrency: 3}
        settings: {broker_transport_options: {visibility_timeout: 60}}
    """,
}
SCENARIOS = (
    """
    name: s
    configurations: [plain]
    workloads:
      - workload: add
        payload_bytes: 100
        options: {countdown: 2s}
        measure: {timeout: 10s}
      - {workload: group, size: 3, collect: join}
      - {workload: chunks, size: 20, chunk: 5, loads: [{load: closed, in_flight: 3, clients: 2}]}
    loads:
      - {load: closed, in_flight: 4}
      - {load: rate, rate: 5/s, measure: {duration: 40s}}
    measure: {warmup: 3, duration: 60s, blocks: 2, timeout: 5s, results_left: expire}
    gates: ["p99(latency.total) < 5s", "throughput > 0.9 * baseline"]
    baseline: b
    compare: {base: worker.concurrency=2, margin: 5%, pairs: {min: 6, max: 8}}
    matrix: {worker.concurrency: [2, 4], "workload.options.countdown": [1s, 2s]}
    """,
    """
    name: s
    configurations: [rabbit]
    workloads:
      - {workload: add, options: {priority: [0, 9]}}
      - workload: add
        loads:
          - load: rate
            phases:
              - {phase: warmup, rate: 2, duration: 3s}
              - {phase: steady, rate: 3, duration: 30s}
            faults: [{fault: restart_broker, at: 9s, down: 2s}]
    loads: [{load: rate, rate: 4/s, senders: 2}]
    measure: {duration: 1m}
    faults:
      - {fault: kill_worker, at: 30s, worker: 2, restart: 2s}
      - {fault: slow_network, between: [5s, 9s], rtt: 20ms, duration: 5s}
    """,
    """
    name: s
    configurations: [sqs]
    workloads: [{workload: add, payload_bytes: 500000}, {workload: chain, length: 2}]
    loads:
      - {load: saturate, limits: ["p99(latency.total) < 1s"], start: 5, most: 90}
      - {load: closed}
    measure: {units: 20}
    """,
    """
    name: s
    configurations: [silent]
    workloads: [{workload: heavy_task, n: 5}]
    loads: [{load: rate, rate: 4, results: afterwards}, {load: backlog, publish: batch}]
    measure: {units: 20}
    matrix: {load.publish: [api, batch], settings.worker_prefetch_multiplier: [1, 2]}
    """,
    """
    name: s
    configurations: [plain]
    workloads:
      - {workload: periodic, every: 2s, through: beat}
      - {workload: periodic, crontab: "* * * * *", entries: 2, measure: {duration: 2m}}
    loads: [{load: schedule}]
    measure: {duration: 10s}
    """,
    """
    name: s
    configurations: [plain]
    workloads:
      - {workload: chord, size: 4, payload_bytes: 10}
      - {workload: tracking, n: 5, wait: interval, interval: 20ms}
      - {workload: task, app: "m:app", task: m.t, args: [{text: 100}], expect: {argument: 0}}
      - workload: task
        app: m:app
        mix: [{task: m.t, weight: 2, kwargs: {a: 1}}, {task: m.u, options: {priority: 3}}]
    loads: [{load: closed, in_flight: 16, clients: 4}]
    measure: {units: 20}
    """,
)
"""Valid each, and full of values that checks compare with one another."""


def spoilt_places(data: Any, place: Location = ()) -> Iterator[Location]:
    """Every place of a file but the root."""
    if place:
        yield place
    items: Any = data.items() if isinstance(data, dict) else ()
    items = enumerate(data) if isinstance(data, list) else items
    for key, value in items:
        yield from spoilt_places(value, (*place, key))


def spoilt(data: Any, place: Location, bad: Any) -> Any:
    """The data with one value replaced, or one key renamed (a tuple with the new name)."""
    changed = copy.deepcopy(data)
    around = changed
    for key in place[:-1]:
        around = around[key]
    if isinstance(bad, tuple):
        renamed = {bad[0] if key == place[-1] else key: value for key, value in around.items()}
        around.clear()
        around.update(renamed)
    else:
        around[place[-1]] = bad
    return changed


def dumped(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def parsed(text: str, file: str) -> Document:
    problems: list[Problem] = []
    document = parse(text, Mark(file, 1, 1), problems)
    assert document is not None
    assert not problems
    return document


def problems_of(project: Project) -> list[Problem]:
    try:
        load_plan(project.scenario)
    except InvalidInput as error:
        return error.problems
    return []


@pytest.fixture(scope="module")
def files() -> dict[str, Any]:
    """Every file of the projects above as plain data: `configs/<name>`, `scenarios/<number>`."""
    found: dict[str, Any] = {
        f"configs/{name}": parsed(text, name).data for name, text in CONFIGURATIONS.items()
    }
    for number, text in enumerate(SCENARIOS):
        found[f"scenarios/{number}"] = parsed(text, str(number)).data
    return found


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("spoilt")
    for name in ("configs", "scenarios"):
        (folder / name).mkdir()
    return Project(folder)


def written(project: Project, files: dict[str, Any], number: int) -> None:
    """The project of one scenario as it is when nothing is wrong."""
    for name in CONFIGURATIONS:
        project.configuration(dumped(files[f"configs/{name}"]), name)
    project.scenario.write_text(dumped(files[f"scenarios/{number}"]), encoding="utf-8")


def direct(document: Document, of_scenario: bool) -> list[Problem]:
    """What is wrong with a file by itself, whatever else there is."""
    found: list[Problem] = []
    validate(Scenario if of_scenario else Configuration, document, found)
    if not of_scenario:
        service = document.get(("broker", "service"))
        found += settings_problems(document, ("settings",), service)
    return found


def follow_ups(project: Project, path: Path, data: Any, place: Location) -> list[str]:
    """Problems that stand elsewhere than at the spoilt place, though all was well without it."""
    text = dumped(data)
    path.write_text(text, encoding="utf-8")
    document = parsed(text, str(path))
    at_fault = direct(document, path == project.scenario)
    if not at_fault or (place[-1] == "workload" and isinstance(document.get(place), dict)):
        return []  # it is a good value, too, and something may well follow from it
    own = {
        (mark.file, mark.line, mark.column)
        for at, spot in document.spots.items()
        if at[: len(place)] == place
        for mark in (spot.key, spot.value)
    }
    own |= {(one.file, one.line, one.column) for one in at_fault}
    found = problems_of(project)
    assert found
    return [str(one) for one in found if (one.file, one.line, one.column) not in own]


@pytest.mark.parametrize("number", range(len(SCENARIOS)))
def test_the_projects_are_valid(workshop: Project, files: dict[str, Any], number: int) -> None:
    written(workshop, files, number)
    assert problems_of(workshop) == []


FOLLOWED: tuple[tuple[str, dict[str, str], list[str]], ...] = (
    (
        "a placeholder of 1 s",
        {"workloads": "[{workload: periodic, every: 5s}]", "measure": "{duration: ten}"},
        ["measure"],
    ),
    (
        "another length of a load",
        {
            "loads": "[{load: rate, rate: 5}]",
            "measure": "{duration: 1m x}",
            "faults": "[{fault: kill_worker, at: 30s}]",
        },
        ["measure"],
    ),
    (
        "the default of a timeout",
        {
            "workloads": "[{workload: heavy_task, n: 100, sleep: 1s}]",
            "measure": "{units: 5, timeout: 500x}",
        },
        ["measure"],
    ),
    (
        "the default way of seeing results",
        {
            "configurations": "[silent]",
            "loads": "[{load: rate, rate: 5, results: aftrwards}]",
        },
        ["loads"],
    ),
    ("a size", {"workloads": "[{workload: chunks, size: x, chunk: 5}]"}, ["workloads"]),
    (
        "a load that cannot be read",
        {
            "workloads": "[{workload: group, collect: join}]",
            "loads": "[{load: closd}, {load: rate, rate: 5/s}]",
        },
        ["loads"],
    ),
    (
        "one that would have needed what another does not",
        {"loads": "[{load: saturate}, {load: clsd}]", "measure": "{duration: 5s}"},
        ["loads"],
    ),
    ("a gate that cannot be read", {"gates": "[5]", "baseline": "b"}, ["gates"]),
    ("an axis of a field's name", {"matrix": "{workloads: null}"}, ["matrix"]),
    ("no axis, and another payload", {"matrix": "{load.in_flight: []}"}, ["matrix"]),
    (
        "an empty axis hides nothing",
        {
            "configurations": "[sqs]",
            "workloads": "[{workload: add, payload_bytes: 900000}]",
            "matrix": "{settings.task_acks_late: [], settings.task_compression: [null]}",
        },
        ["workloads", "matrix"],
    ),
    (
        "nor do empty loads",
        {
            "workloads": "[{workload: heavy_task, loads: [{load: closed}], n: 9, sleep: 9s}]",
            "loads": "[]",
        },
        ["workloads", "loads"],
    ),
    (
        "nor do no configurations",
        {"configurations": "[]", "workloads": "[add, add]"},
        ["configurations", "workloads"],
    ),
)
"""What is told, line by line of the file."""


@pytest.mark.parametrize(
    ("lines", "told"), [case[1:] for case in FOLLOWED], ids=[case[0] for case in FOLLOWED]
)
def test_what_only_follows(
    project: Project, files: dict[str, Any], lines: dict[str, str], told: list[str]
) -> None:
    for name in CONFIGURATIONS:
        project.configuration(dumped(files[f"configs/{name}"]), name)
    for key, value in lines.items():
        project.change(f"{key}: {value}")
    text = project.scenario.read_text(encoding="utf-8").splitlines()
    assert [text[one.line - 1].partition(":")[0] for one in problems_of(project)] == told


def test_what_follows_from_a_bad_configuration(project: Project) -> None:
    """A worker that may be there, and a setting that may be enough."""
    project.configuration(
        "name: c\nbroker: {service: rabbitmq}\nbackend: {service: redis}\n"
        "worker: {count: two}\nsettings: {task_queue_max_priority: ten}\n"
    )
    project.change("loads: [{load: rate, rate: 5}]")
    project.change("measure: {duration: 9s}")
    project.change("workloads: [{workload: add, options: {priority: 9}}]")
    project.change("faults: [{fault: kill_worker, at: 3s, worker: 2}]")
    assert [one.partition(": ")[2] for one in project.problems()] == [
        'expected a whole number, not "two"',
        'task_queue_max_priority: expected a whole number, not "ten"',
    ]


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_nothing_follows_from_a_bad_value(
    workshop: Project, files: dict[str, Any], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(SCENARIOS) - 1), "scenario")
    written(workshop, files, number)
    configuration = files[f"scenarios/{number}"]["configurations"][0]
    file = data.draw(st.sampled_from([f"scenarios/{number}", f"configs/{configuration}"]), "file")
    place = data.draw(st.sampled_from(list(spoilt_places(files[file]))), "place")
    bad = data.draw(st.sampled_from([*BAD, *renamings(place)]), "bad")
    of_scenario = file.startswith("scenarios")
    path = workshop.scenario if of_scenario else workshop.folder / f"{file}.yaml"
    changed = spoilt(files[file], place, bad)
    if isinstance(bad, tuple):
        place = (*place[:-1], bad[0])
    assert follow_ups(workshop, path, changed, place) == []


def renamings(place: Location) -> list[tuple[str]]:
    """A slip of the pen, and a word that nobody could guess."""
    key = place[-1]
    misspelt = "wroker" if key == "worker" else f"{key}s"  # `workers` is a key, too
    return [] if isinstance(key, int) else [(misspelt,), ("qzx",)]
