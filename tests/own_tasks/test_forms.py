"""How the workload `task` is written: both forms, what editors are told, every mistake."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from harness.scenario.files.json_schema import schema_text
from harness.scenario.workloads.own_tasks import OwnTaskWorkload
from tests.scenario.project import Project, make_project

ISSUE = 'workloads: [{workload: {task: shop.tasks.resize, app: "shop.celery:app", args: [1]}}]'
FLAT = 'workloads: [{workload: task, task: shop.tasks.resize, app: "shop.celery:app", args: [1]}]'
MIX = (
    'workloads: [{workload: {app: "a:b", mix: [{task: x.y, weight: 3, expect: null},'
    " {task: x.y, name: other, kwargs: {n: {range: [1, 2]}}}, {task: z, expect: {argument: 0}}]}}]"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def test_both_forms_are_the_same(project: Project) -> None:
    project.change(ISSUE)
    nested = project.plan()
    project.change(FLAT)
    assert project.plan() == nested
    (cell,) = nested.cells
    assert isinstance(cell.workload, OwnTaskWorkload)
    assert cell.name == "c/task-resize/closed-8"
    (part,) = cell.workload.parts
    assert (part.task, part.args, part.weight, part.unchecked) == (
        "shop.tasks.resize",
        (1,),
        1,
        True,
    )


def test_a_mix(project: Project) -> None:
    project.change(MIX)
    plan = project.plan()
    (cell,) = plan.cells
    assert isinstance(cell.workload, OwnTaskWorkload)
    assert cell.name == "c/mix-y+other+z/closed-8"
    assert [part.label for part in cell.workload.parts] == ["x.y", "other", "z"]
    assert [part.unchecked for part in cell.workload.parts] == [False, True, False]
    assert cell.workload.parts[0].expect == {"value": None}
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan


def test_names_of_cells_are_short_and_safe(project: Project) -> None:
    entries = ", ".join(f"{{task: 'shop.{'x' * 30}/{n}'}}" for n in range(9))
    project.change(f"workloads: [{{workload: task, app: a, mix: [{entries}]}}]")
    (cell,) = project.plan("measure.units=9").cells
    assert cell.name.startswith("c/mix-xxx")
    assert cell.name.count("/") == 2
    assert len(cell.name) <= len("c//closed-8") + 40


def test_a_long_mix_says_how_many_more_it_has(project: Project) -> None:
    entries = ", ".join(f"{{task: shop.tasks.number_{n}}}" for n in range(9))
    project.change(f"workloads: [{{workload: task, app: a, mix: [{entries}]}}]")
    (cell,) = project.plan("measure.units=9").cells
    assert cell.name == "c/mix-number_0+number_1+number_2+6/closed-8"


def test_the_examples_of_the_docs_load(project: Project) -> None:
    text = (Path(__file__).parents[2] / "docs" / "your-tasks.md").read_text(encoding="utf-8")
    whole, mix, gates = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    project.scenario.write_text(whole.replace("[redis, rabbitmq]", "[c]"), encoding="utf-8")
    (cell,) = project.plan().cells
    assert cell.name == "c/task-checkout/closed-4"
    head, _, rest = whole.partition("workloads:\n")
    loads = rest[rest.index("loads:") :]
    text = f"{head}workloads:\n{mix}{loads}{gates}".replace("[redis, rabbitmq]", "[c]")
    project.scenario.write_text(text, encoding="utf-8")
    (cell,) = project.plan().cells
    assert cell.name == "c/mix-resize+checkout+sold-out/closed-4"


def test_set_reaches_into_it(project: Project) -> None:
    project.change(ISSUE)
    (cell,) = project.plan("workloads.0.workload.args=[2, {unit: true}]").cells
    assert isinstance(cell.workload, OwnTaskWorkload)
    assert cell.workload.args == (2, {"unit": True})


@pytest.mark.parametrize("line", [ISSUE, FLAT, MIX])
def test_editors_are_told(project: Project, line: str) -> None:
    project.change(line)
    content = yaml.safe_load(project.scenario.read_text())
    jsonschema.validate(content, json.loads(schema_text("scenario")))


@pytest.mark.parametrize(
    "line",
    [
        ISSUE.replace("args: [1]", "args: [{choise: [1]}]"),
        ISSUE.replace("args: [1]", "args: [{range: [1]}]"),
        ISSUE.replace("args: [1]", "args: [{unit: true, text: 1}]"),
        ISSUE.replace("args: [1]", "arguments: [1]"),
        ISSUE.replace("shop.celery:app", "shop celery"),
        MIX.replace("weight: 3", "weight: 0"),
    ],
)
def test_editors_mark_mistakes(project: Project, line: str) -> None:
    project.change(line)
    assert project.problems() != []
    content = yaml.safe_load(project.scenario.read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json.loads(schema_text("scenario")))


ARGUMENT_KEYS = "value, choice, range, text, unit, list, mapping"
EXPECT_KEYS = "value, unit, list, mapping, argument, sum, product, concat, raises, unchecked"
PART_KEYS = "name, weight, queue, options, task, args, kwargs, expect"
INSTEAD = "A mapping that is itself the value: {value: {...}}"
RANGE = (
    "range needs two whole numbers, at most 2^62 apart, the smaller one first: {range: [1, 100]}"
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", ['3:13: give "task:" or "mix:"']),
        ("task: t, mix: [{task: u}]", ['3:13: give "task:" or "mix:"']),
        ("mix: []", ["3:52: needs at least one entry"]),
        (
            "mix: [{task: u}], args: [1]",
            ["3:13: in a mix, args, kwargs and expect belong to its entries"],
        ),
        ("mix: [{task: u}, {task: u}]", ['3:13: "u" stands here twice: give each a "name:"']),
        ("mix: [{task: u, weight: 0}]", ["3:71: must be at least 1, not 0"]),
        ("mix: [{weight: 1}]", ['3:53: missing key "task"']),
        (
            "mix: [{task: u, loads: [closed]}, {task: v, measure: {units: 3}}]",
            [
                f'3:63: unknown key "loads"; known here: {PART_KEYS}',
                f'3:91: unknown key "measure"; known here: {PART_KEYS}',
            ],
        ),
        (
            "mix: [{task: u, options: {prioritty: 3}}]",
            ['3:73: unknown key "prioritty" (did you mean "priority"?)'],
        ),
        (
            "mix: [{task: u, options: {priority: [1, 2]}}]",
            ["3:63: an entry of a mix has one priority: make an entry for each"],
        ),
        (
            "mix: [{task: u, options: {priority: 3}}, {task: v}], options: {priority: [1, 2]}",
            ['3:13: "u" has a priority, and the mix has several in turn: give each entry its own'],
        ),
        (
            "mix: [{task: u, options: {countdown: 5s}}], options: {expires: 5s}",
            ['3:13: "u" would expire before its countdown is over: one of the two is the mix\'s'],
        ),
        (
            "mix: [{task: v, options: {countdown: 40s, message_groups: 2, priority: 12}}]",
            [
                "3:105: message groups are of SQS: remove them",
                "3:118: on Redis a priority lies between 0 (first) and 9, not 12",
            ],
        ),
        ("task: 'a b'", ["3:53: expected the name of a task, such as shop.tasks.resize"]),
        ("task: t, args: 5", ["3:62: expected a list, not 5"]),
        (
            "task: t, args: [1, {choise: [2]}]",
            [
                f"3:66: a mapping here is an expression with one key of {ARGUMENT_KEYS}, not choise"
                f' (did you mean "choice"?). {INSTEAD}'
            ],
        ),
        (
            "task: t, args: [{a: 1, b: 2}]",
            [
                f"3:63: a mapping here is an expression with one key of {ARGUMENT_KEYS}, not a, b. "
                f"{INSTEAD}"
            ],
        ),
        ("task: t, args: [{choice: []}]", ["3:63: choice needs a list of values, at least one"]),
        (
            "task: t, args: [{range: [2, 1]}]",
            [f"3:63: {RANGE}"],
        ),
        (
            "task: t, args: [{range: [1, true]}]",
            [f"3:63: {RANGE}"],
        ),
        (
            "task: t, args: [{range: [0, 9223372036854775808]}, 36893488147419103232]",
            [f"3:63: {RANGE}"],
        ),
        (
            "task: t, args: [1], options: {countdown: 36893488147419103232}",
            ['3:88: not a whole number of 64 bits: "36893488147419103232"'],
        ),
        (
            "task: t, args: [{text: -1}]",
            ["3:63: text needs a number of characters, 0 to 67108864"],
        ),
        ("task: t, args: [{unit: 1}]", ["3:63: write {unit: true}"]),
        ("task: t, kwargs: {a: {list: 1}}", ["3:65: list needs a list"]),
        (
            "task: t, kwargs: {a: {list: [{mapping: 1}]}}",
            ['3:65: mapping needs a mapping ("key: value" lines)'],
        ),
        (
            "task: t, args: [{argument: 0}]",
            [
                f"3:63: a mapping here is an expression with one key of {ARGUMENT_KEYS}, not "
                f"argument. {INSTEAD}"
            ],
        ),
        (
            "task: t, expect: {range: [1, 2]}",
            [
                f"3:56: a mapping here is an expression with one key of {EXPECT_KEYS}, not range. "
                f"{INSTEAD}"
            ],
        ),
        (
            "task: t, expect: {argument: -1}",
            ["3:56: argument needs a place from 0 on, or the name of one of kwargs"],
        ),
        (
            "task: t, expect: {raises: ValueError, massage: x}",
            ["3:56: expected {raises: NAME} or {raises: NAME, message: TEXT}, both text"],
        ),
        (
            "task: t, expect: {sum: [{raises: X}]}",
            [
                "3:56: a mapping here is an expression with one key of "
                f"{EXPECT_KEYS.removesuffix(', raises, unchecked')}, not raises. {INSTEAD}"
            ],
        ),
        ("task: t, wait: 3", ["3:56: unknown key"]),
    ],
)
def test_every_mistake_at_its_place(project: Project, fields: str, expected: list[str]) -> None:
    between = f", {fields}" if fields else ""
    project.change(f'workloads: [{{workload: task, app: "shop:app"{between}}}]')
    found = [one.removeprefix("scenarios/s.yaml:") for one in project.problems()]
    assert len(found) == len(expected)
    for one, begin in zip(found, expected, strict=True):
        assert one == begin or (begin.endswith("unknown key") and one.startswith(begin))


def test_mistakes_in_the_nested_form_stand_at_their_own_places(project: Project) -> None:
    project.change(
        "workloads:\n"
        "  - workload:\n"
        "      app: shop celery\n"
        "      task: t\n"
        "      args: [1, {text: x}]\n"
        "      measure: {units: 0}\n"
        "    app: other\n"
        "    wait: 1"
    )
    found = [one.removeprefix("scenarios/s.yaml:") for one in project.problems()]
    assert [one.partition(": ")[0] for one in found] == ["5:7", "7:17", "8:24", "10:5"]
    assert found[0].endswith('"app" stands beside workload, too')
    assert found[2].endswith("must be at least 1, not 0")


def test_a_publish_path_that_cannot_be(project: Project) -> None:
    project.change(ISSUE)
    project.change("loads: [{load: backlog, publish: prebuilt}]")
    assert project.problems() == [
        "scenarios/s.yaml:4:34: your own tasks are published by their own apply_async: use publish:"
        " api"
    ]
