"""What is said of a change of level, and whether its command is right."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from harness.results.history.runs import History
from harness.runner.prepare.ab import Effort, Frame, paired_plan, variant_of
from tests.ab.repository import make_repository
from tests.history.stores import (
    NEW,
    OLD,
    asked,
    configured,
    levels,
    paired_run,
    plain_run,
    run_id,
    with_commit,
    with_packages,
)
from tests.report.made.records import ENVIRONMENT, RABBITMQ

ROOT = Path(__file__).parents[2]


def step_of(
    folder: Path, before: dict[str, object], after: dict[str, object], **cell: object
) -> History:
    """24 nights, 10 % down from the twelfth on, with what was recorded before and after."""
    records = []
    for night, level in enumerate(levels(24, 12, 0.9)):
        record = plain_run(night, 500 * level, **(before if night < 12 else after))
        configuration = configured("redis", **(cell if night >= 12 else {}))
        changed = record.cells[0].model_copy(update=configuration)
        records.append(record.model_copy(update={"cells": (changed,)}))
    return asked(folder, records)


def test_a_change_is_nominated_with_what_changed_and_how_to_confirm_it(tmp_path: Path) -> None:
    found = step_of(tmp_path, with_packages(**OLD), with_packages(**NEW))
    (nomination,) = found.series[0].nominations
    assert nomination.change.index == 12
    assert nomination.change.change == pytest.approx(-0.1, abs=0.02)
    assert nomination.worse
    assert (nomination.before.run.run_id, nomination.after.run.run_id) == (run_id(11), run_id(12))
    assert nomination.differences == (
        "celery 5.6.3 -> 5.7.0",
        "kombu 5.6.2 -> 5.7.0",
        "redis 6.4.0 -> 8.1.0",
    )
    (rerun,) = nomination.confirm
    assert rerun.varies == ("celery", "kombu", "redis")
    assert rerun.command == (
        "harness ab --base pins:celery==5.6.3,kombu==5.6.2,redis==6.4.0 "
        "--head pins:celery==5.7.0,kombu==5.7.0,redis==8.1.0 scenarios/nightly.yaml"
    )
    assert nomination.not_varied == ()


@pytest.mark.parametrize(("metric", "worse"), [("throughput", True), ("latency.total.p50", True)])
def test_worse_depends_on_the_metric(tmp_path: Path, metric: str, worse: bool) -> None:
    records = [plain_run(night, 500 * level) for night, level in enumerate(levels(24, 12, 0.9))]
    (nomination,) = asked(tmp_path, records, metric=metric).series[0].nominations
    assert nomination.worse is worse
    assert (nomination.change.change < 0) == (metric == "throughput")


def test_a_change_of_a_ratio(tmp_path: Path) -> None:
    """What changed on both sides is told from what changed at the reference only."""
    records = [
        paired_run(night, level, **with_packages(**(OLD if night < 12 else NEW)))
        for night, level in enumerate(levels(24, 12, 1.2))
    ]
    newer = {"servers": {"broker": RABBITMQ.model_copy(update={"version": "4.0"})}}
    records = [
        record.model_copy(
            update={
                "cells": (
                    record.cells[0].model_copy(
                        update=newer if night >= 12 else {"servers": {"broker": RABBITMQ}}
                    ),
                    record.cells[1],
                )
            }
        )
        for night, record in enumerate(records)
    ]
    (nomination,) = asked(tmp_path, records).series[0].nominations
    assert not nomination.worse
    assert nomination.differences[0] == "celery 5.6.3 -> 5.7.0 (both sides)"
    assert nomination.differences[-1] == "reference's broker RabbitMQ 3.10.8 -> RabbitMQ 4.0"
    assert nomination.not_varied == ("reference's broker RabbitMQ 3.10.8 -> RabbitMQ 4.0",)


def test_the_cause_may_lie_a_run_or_two_beside_the_change(tmp_path: Path) -> None:
    records = [
        plain_run(night, 500 * level, **with_packages(**(OLD if night < 10 else NEW)))
        for night, level in enumerate(levels(24, 12, 0.9))
    ]
    (nomination,) = asked(tmp_path, records).series[0].nominations
    assert nomination.change.index == 12
    assert (nomination.before.run.run_id, nomination.after.run.run_id) == (run_id(9), run_id(14))
    assert nomination.differences[0] == "celery 5.6.3 -> 5.7.0"


def test_a_changed_setting_is_confirmed_against_celerys_default(tmp_path: Path) -> None:
    settings = {"task_acks_late": True, "broker_transport_options": {"visibility_timeout": 9}}
    found = step_of(tmp_path, {}, {}, settings=settings)
    (nomination,) = found.series[0].nominations
    (rerun,) = nomination.confirm
    assert shlex.split(rerun.command)[2:6] == [
        *("--base", "set:settings.task_acks_late=false"),
        *("--head", "set:settings.task_acks_late=true"),
    ]
    assert nomination.not_varied == (
        "settings.broker_transport_options.visibility_timeout none -> 9",
    )


def test_a_changed_commit_is_confirmed_by_its_revisions(tmp_path: Path) -> None:
    found = step_of(tmp_path, with_commit("a"), with_commit("b", dirty=True))
    (nomination,) = found.series[0].nominations
    assert nomination.differences == ("commit aaaaaaaaaaaa -> bbbbbbbbbbbb",)
    assert [rerun.command for rerun in nomination.confirm] == [
        "harness ab --base aaaaaaaaaaaa --head bbbbbbbbbbbb scenarios/nightly.yaml"
    ]
    assert nomination.not_varied == (f"uncommitted changes of run {run_id(12)}",)


def test_without_a_difference_there_is_nothing_to_pair(tmp_path: Path) -> None:
    (nomination,) = step_of(tmp_path, {}, {}).series[0].nominations
    assert (nomination.differences, nomination.confirm) == ((), ())
    assert nomination.run_again == "harness run scenarios/nightly.yaml"


def test_what_the_matrix_varies_is_not_varied_again(tmp_path: Path) -> None:
    """`harness ab` refuses that: the matrix would undo it."""
    records = []
    for night, level in enumerate(levels(24, 12, 0.9)):
        record = plain_run(night, 500 * level, **with_packages(**(OLD if night < 12 else NEW)))
        cell = record.cells[0].model_copy(update={"axes": {"celery": "5.7.0"}})
        records.append(record.model_copy(update={"cells": (cell,)}))
    (nomination,) = asked(tmp_path, records).series[0].nominations
    assert nomination.confirm == ()
    assert nomination.differences[0] == "celery 5.6.3 -> 5.7.0"


def test_heads_of_harness_ab_are_confirmed_by_what_they_ran(tmp_path: Path) -> None:
    records = []
    for night, level in enumerate(levels(24, 12, 0.9)):
        celery = {"name": "x", "revision": ("a" if night < 12 else "b") * 40}
        if night == 23:
            celery = {"name": "x", "revision": "b" * 40}
        record = paired_run(night, level, cells=({}, configured("rabbitmq", celery=celery)))
        records.append(record)
    (nomination,) = asked(tmp_path, records).series[0].nominations
    assert nomination.differences == ("celery.revision aaaaaaaaaaaa -> bbbbbbbbbbbb",)
    assert [rerun.command for rerun in nomination.confirm] == [
        "harness ab --base aaaaaaaaaaaa --head bbbbbbbbbbbb --config rabbitmq "
        "scenarios/nightly.yaml"
    ]


@pytest.mark.parametrize("kind", ["versions", "settings", "commit"])
def test_harness_ab_understands_the_command(tmp_path: Path, kind: str) -> None:
    """Up to the plan of the run: what it would measure is what had changed."""
    project = tmp_path / 'it\'s a "project"'
    scenario = {
        "name": "nightly",
        "configurations": [str(ROOT / "configs/redis.yaml")],
        "workloads": ["add"],
        "loads": ["closed"],
        "measure": {"units": 20},
    }
    commits = make_repository(project, {"requirements.txt": "celery"}, {"requirements.txt": "x"})
    path = project / "nightly.yaml"
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    environments = [ENVIRONMENT.model_copy(update={"git_commit": commit}) for commit in commits]
    sides: dict[str, list[dict[str, object]]] = {
        "versions": [with_packages(**OLD), with_packages(**NEW)],
        "settings": [{}, {}],
        "commit": [{"environment": environment} for environment in environments],
    }
    cell = {"settings": {"worker_prefetch_multiplier": 1}} if kind == "settings" else {}
    before, after = ({**side, "source": str(path)} for side in sides[kind])
    (nomination,) = step_of(tmp_path / "store", before, after, **cell).series[0].nominations
    (rerun,) = nomination.confirm
    program, command, base_option, base, head_option, head, source = shlex.split(rerun.command)
    assert (program, command, base_option, head_option) == ("harness", "ab", "--base", "--head")
    environ = {"PATH": "/usr/bin:/bin"}
    plan = paired_plan(
        Frame(Path(source), (), (), None, environ),
        variant_of([base], project, environ),
        variant_of([head], project, environ),
        Effort(),
    )
    configurations = [cell.configuration for cell in plan.cells]
    if kind == "settings":
        assert [one.settings.get("worker_prefetch_multiplier") for one in configurations] == [4, 1]
    if kind == "versions":
        assert [one.celery and one.celery.version for one in configurations] == ["5.6.3", "5.7.0"]
    if kind == "commit":
        assert [one.celery and one.celery.revision for one in configurations] == commits


@pytest.mark.parametrize(("dearer", "nominated"), [(1.4, 0), (4.0, 1)])
def test_a_cost_per_task_that_came_with_the_rate_is_no_change(
    dearer: float, nominated: int, tmp_path: Path
) -> None:
    """At two fifths of the rate: 1.4 times the CPU time per task is less per second, as of tasks
    that sleep; four times as much is more, as of tasks that compute."""
    records = []
    for night, level in enumerate(levels(24)):
        late = night >= 12
        record = plain_run(night, 500 * level)
        blocks = tuple(
            one.model_copy(
                update={
                    "tasks_per_s": 200.0 if late else 500.0,
                    "worker_cpu_ms_per_task": 2.0 * level * (dearer if late else 1.0),
                }
            )
            for one in record.cells[0].blocks
        )
        cell = record.cells[0].model_copy(update={"blocks": blocks})
        records.append(record.model_copy(update={"cells": (cell,)}))
    (series,) = asked(tmp_path, records, metric="worker_cpu").series
    assert len(series.nominations) == nominated
    notes = [note for note in series.notes if "not nominated" in note]
    assert len(notes) == 1 - nominated
    assert all("depends on the rate, which was 500/s and 200/s" in note for note in notes)
