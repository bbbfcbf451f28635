"""What faults did, told over the cells of a matrix: which settings made the difference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.report.answer.after_faults import fault_sentences
from harness.report.answer.naming import names_of
from harness.report.answer.sentences import Sentence
from harness.report.view.cells import view_of
from harness.results.record.faults import FaultRecord, Trouble
from harness.results.record.run import CellRecord
from tests.report.made.matrix_records import matrix_run


def fault(number: int, kind: str, **changes: Any) -> FaultRecord:
    whole: dict[str, Any] = {
        "planned_at_s": 3.0 + 5 * number,
        "begin_at_s": 3.0 + 5 * number,
        "disturbed": True,
        "first_back_s": 0.25,
        "p99_back_s": 2.0,
        "watched_s": 5.0,
    }
    return FaultRecord(number=number, fault=kind, **(whole | changes))


def said(did: Callable[[str, bool, int], tuple[FaultRecord, ...]]) -> list[Sentence]:
    """Of two brokers, acknowledgements early and late, two sizes: eight cells."""

    def struck(cell: CellRecord) -> CellRecord:
        late, size, _ = cell.axes.values()
        faults = did(str(cell.config["name"]), late, size)
        first, *others = cell.blocks
        blocks = (first.model_copy(update={"faults": faults}), *others)
        return cell.model_copy(update={"blocks": blocks})

    record = matrix_run()
    record = record.model_copy(update={"cells": tuple(map(struck, record.cells))})
    view = view_of(record, Path("nowhere"), {})
    return list(fault_sentences(view.cells, names_of(view)))


def test_the_setting_that_makes_the_difference_is_named() -> None:
    def did(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        trouble = Trouble(duplicated=1) if late else Trouble(lost=1 if size > 64 else 3)
        return (fault(0, "kill_worker", trouble=trouble, first_back_s=0.5 if late else 0.25),)

    [one] = said(did)
    assert one.text == (
        "worker killed: 1 to 3 lost in 4 of 8 cells (task_acks_late=false); 1 dup in 4 of 8 cells "
        "(task_acks_late=true); the first unit is back after 250 ms to 500 ms, p99 after 2.00 s."
    )
    assert one.flagged
    assert len(one.cells) == 8


def test_a_configuration_or_several_settings_together_may_make_it() -> None:
    def did(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        lost = Trouble(lost=2) if broker == "redis" else Trouble()
        failed = Trouble(failed=1) if late and size > 64 else Trouble()
        return fault(0, "kill_broker", trouble=lost), fault(1, "kill_worker", trouble=failed)

    broker, worker = said(did)
    assert "2 lost in 4 of 8 cells (redis); nothing lost in 4 of 8 cells (rabbitmq);" in broker.text
    assert worker.text.startswith("worker killed: 1 failed in 2 of 8 cells (task_acks_late=true, ")
    assert "; nothing lost in 6 of 8 cells; " in worker.text, "no words say these six"


def test_what_is_alike_everywhere_is_said_once_and_moments_tell_like_faults_apart() -> None:
    def did(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        return fault(0, "kill_worker"), fault(1, "kill_worker", disturbed=False)

    first, second = said(did)
    assert first.text.startswith("worker killed at 3.00 s: nothing lost in each of 8 cells; ")
    assert second.text.startswith("worker killed at 8.00 s: ")
    assert "p99" not in second.text
    assert not first.flagged


def test_what_was_not_done_and_what_did_not_come_back_is_counted() -> None:
    def did(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        if late:
            return (fault(0, "kill_worker", begin_at_s=None, disturbed=None),)
        return (fault(0, "kill_worker", first_back_s=None, p99_back_s=None),)

    [one] = said(did)
    assert "not done in 4 of 8 cells (task_acks_late=true)" in one.text
    assert "in 4 none was over while it was watched, in 4 p99 was not back" in one.text


def test_workers_that_ended_by_themselves_are_told_with_the_fault() -> None:
    """Why all came too late afterwards: without it, that no later unit was over says nothing."""

    def did(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        fell = {"worker1": "AttributeError"} if late else {}
        if late and size > 64:
            fell["worker2"] = "exit code 1"
        return (fault(0, "reset_network", fell=fell),)

    [one] = said(did)
    assert one.text.startswith(
        "connections reset: nothing lost in each of 8 cells; 6 workers ended by themselves in 4 of "
        "8 cells (AttributeError, exit code 1), and nobody started them again; the first unit is "
    )
    assert one.flagged

    def alone(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        if broker != "redis" or not late:
            return ()
        fell = {"worker1": "AttributeError", "worker2": "AttributeError"}
        return (fault(0, "reset_network", fell=fell if size > 64 else {"worker1": "KeyError"}),)

    few, many = said(alone)
    assert few.text.partition(": ")[2].startswith(
        "nothing lost; worker1 ended by itself (KeyError), and nobody started it again; the first "
    )
    themselves = "worker1, worker2 ended by themselves (AttributeError), and nobody started them"
    assert f"; {themselves} again; " in many.text
    assert few.flagged
    assert many.flagged


def test_few_cells_are_told_one_by_one() -> None:
    def did(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        return (fault(0, "kill_worker"),) if broker == "redis" and late else ()

    assert [one.text.partition(":")[0] for one in said(did)] == [
        "redis[task_acks_late=true, payload_bytes=64], worker killed",
        "redis[task_acks_late=true, payload_bytes=16384], worker killed",
    ]


def test_ways_to_end_a_worker_are_told_apart() -> None:
    def did(broker: str, late: bool, size: int) -> tuple[FaultRecord, ...]:
        how = "soft" if late else "warm"
        trouble = Trouble(lost=2 if late else 0)
        return (fault(0, "rolling_restart", trouble=trouble, parameters={"how": how}),)

    texts = [one.text for one in said(did)]
    assert [text.partition(";")[0] for text in texts] == [
        "rolling restart: nothing lost in each of 4 cells",
        "rolling restart, soft: 2 lost in each of 4 cells",
    ]
