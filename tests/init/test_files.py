"""What is written can be run as it is, and says what has to be known of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import InvalidInput, UsageError
from harness.init.files import File, Project, files_for, write
from harness.init.guessing import guess
from harness.init.looking import Parameter, Task
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.loader import load_plan
from harness.scenario.workloads.own_tasks import OwnTaskWorkload

WHOLE = Parameter("x", False, "int", {"type": "integer"})
UNKNOWN = Parameter("order", False, "Order", {})
KEYWORD = Parameter("fast", True, "bool", {"type": "boolean"})
TASKS = (
    Task("shop.add", "shop/tasks.py:3", "(x: int, who)", (WHOLE, Parameter("who", False, "", {}))),
    Task("shop.charge", "shop/tasks.py:9", "(order: Order)", (UNKNOWN,)),
    Task("shop.ship", "shop/tasks.py:14", "(x: int, *, fast: bool)", (WHOLE, KEYWORD)),
    Task("shop.tick", "shop/tasks.py:19", "()", ()),
)


def project(folder: Path, **fields: object) -> Project:
    guesses = tuple(guess(task) for task in TASKS)
    made = Project(folder, "shop:app", folder / "src", None, ("redis", "rabbitmq"), guesses)
    return replace(made, **fields)  # type: ignore[arg-type]


def written(made: Project) -> list[tuple[str, bool]]:
    return [
        (file.path.relative_to(made.folder).as_posix(), wrote)
        for file, wrote in write(files_for(made))
    ]


def plan(folder: Path, name: str = "tasks-smoke") -> Plan:
    return load_plan(folder / f"benchmarks/scenarios/{name}.yaml", environ={})


def tasks_of(made: Plan) -> list[str]:
    workload = made.cells[0].workload
    assert isinstance(workload, OwnTaskWorkload)
    return [part.task for part in workload.parts]


MARKED = """\
        # shop.add(x: int, who)  shop/tasks.py:3
        # FILL IN, then take the # away: who (no type)
        # - task: shop.add
        #   args: [{range: [1, 100]}, FILL IN]
        # shop.charge(order: Order)  shop/tasks.py:9
        # FILL IN, then take the # away: order (Order)
        # - task: shop.charge
        #   args: [FILL IN]
        # shop.ship(x: int, *, fast: bool)  shop/tasks.py:14
        # FAILED when it was called with this: mend it, then take the # away
        # - task: shop.ship
        #   args: [{range: [1, 100]}]
        #   kwargs: {fast: {choice: [false, true]}}
        # shop.tick()  shop/tasks.py:19
        - task: shop.tick"""
NAMES = [
    "benchmarks/configs/redis.yaml",
    "benchmarks/configs/rabbitmq.yaml",
    "benchmarks/scenarios/tasks-smoke.yaml",
    "benchmarks/scenarios/tasks-speed.yaml",
    "results/.gitignore",
]


def test_all_is_written_once_and_never_again(tmp_path: Path) -> None:
    made = project(tmp_path)
    assert written(made) == [(name, True) for name in NAMES]
    mine = tmp_path / NAMES[2]
    mine.write_text("mine", encoding="utf-8")
    (tmp_path / NAMES[1]).unlink()
    assert written(made) == [(name, name == NAMES[1]) for name in NAMES]
    assert mine.read_text(encoding="utf-8") == "mine"


def test_somebody_s_folder_of_results_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert [name for name, _ in written(project(tmp_path))] == NAMES[:-1]


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").write_text("a file", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cannot write .*redis\.yaml: "):
        written(project(tmp_path))


@pytest.mark.parametrize("name", ["tasks-smoke", "tasks-speed"])
def test_a_scenario_runs_the_tasks_that_could_be_guessed(tmp_path: Path, name: str) -> None:
    named = Parameter("who", False, "", {})
    charge = guess(replace(TASKS[0], needed=(WHOLE, replace(named, name="count"))))
    made = project(tmp_path, guesses=(charge, *map(guess, TASKS[1:])))
    written(made)
    (cell,) = plan(tmp_path, name).cells
    workload = cell.workload
    assert isinstance(workload, OwnTaskWorkload)
    assert (workload.app, workload.project) == ("shop:app", "../../src")
    whole = {"range": [1, 100]}
    assert [(one.task, one.args, one.kwargs) for one in workload.parts] == [
        ("shop.add", (whole, whole), {}),
        ("shop.ship", (whole,), {"fast": {"choice": [False, True]}}),
        ("shop.tick", (), {}),
    ]
    assert cell.configuration.name == "redis"
    assert cell.configuration.celery is None


def test_what_could_not_be_guessed_is_marked_and_what_failed_is_left_out(tmp_path: Path) -> None:
    made = project(tmp_path, failed=("shop.ship",))
    written(made)
    text = (tmp_path / NAMES[2]).read_text(encoding="utf-8")
    assert "THE TASKS RUN FOR REAL" in text
    mix = text.partition("      mix:\n")[2].partition("\n\n")[0]
    assert mix == MARKED
    assert tasks_of(plan(tmp_path)) == ["shop.tick"]
    filled = text.replace("        # - task", "        - task").replace(
        "        #   ", "          "
    )
    (tmp_path / NAMES[2]).write_text(filled.replace("FILL IN]", "7]"), encoding="utf-8")
    assert tasks_of(plan(tmp_path)) == [task.name for task in TASKS]


def test_with_nothing_to_call_the_file_says_where_to_fill_in(tmp_path: Path) -> None:
    written(project(tmp_path, guesses=(guess(TASKS[1]),)))
    with pytest.raises(InvalidInput, match=r"tasks-smoke.yaml:\d+:\d+: .*mix"):
        plan(tmp_path)


def test_many_tasks_have_their_rounds(tmp_path: Path) -> None:
    many = tuple(guess(replace(TASKS[3], name=f"shop.t{number}")) for number in range(30))
    written(project(tmp_path, guesses=many))
    (cell,) = plan(tmp_path).cells
    assert (cell.measure.units, cell.measure.warmup) == (150, 30)


@pytest.mark.parametrize(
    ("python", "said"),
    [(".venv/bin/python", "../../.venv"), ("bare/bin/python3", "../../bare/bin/python3")],
)
def test_a_python_in_the_project_is_named_by_the_way_to_it(
    tmp_path: Path, python: str, said: str
) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/pyvenv.cfg").touch()
    made = project(tmp_path, python=tmp_path / python)
    (redis, rabbitmq, *_) = files_for(made)
    for file in (redis, rabbitmq):
        assert file.text.endswith(f"\ncelery:\n  python: {said}\n")
        assert "yaml-language-server" not in file.text


def test_a_revision_of_harness_ab_takes_the_place_of_that_python(tmp_path: Path) -> None:
    written(project(tmp_path, python=tmp_path / ".venv/bin/python"))
    path = tmp_path / "benchmarks/scenarios/tasks-speed.yaml"
    revision = ('config.celery={"name": "abc", "revision": "HEAD"}',)
    (cell,) = load_plan(path, sets=revision, environ={}).cells
    celery = cell.configuration.celery
    assert celery is not None
    assert (celery.revision, celery.python) == ("HEAD", None)


def test_a_python_elsewhere_is_named_as_a_whole(tmp_path: Path) -> None:
    made = project(tmp_path / "p", python=tmp_path / "env/bin/python")
    (redis, *_) = files_for(made)
    assert isinstance(redis, File)
    assert f"python: {tmp_path}/env/bin/python\n" in redis.text
