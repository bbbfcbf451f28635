"""The plan of a stored run, from its record alone: files may have changed since, or be gone. And
the other way round: a plan's cells as a record has them."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.errors import RecordError
from harness.results.record.comparison import EqualRateRecord
from harness.results.record.run import CellRecord, RunRecord
from harness.results.record.stored import Plain
from harness.results.record.typed_work import without_unset
from harness.scenario.loads.registry import Load
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure
from harness.scenario.models.scenario import Cell, EqualRate, Plan, Scenario
from harness.scenario.workloads.registry import Workload

T = TypeVar("T")
_WORKLOAD: TypeAdapter[Workload] = TypeAdapter(Workload)
_LOAD: TypeAdapter[Load] = TypeAdapter(Load)


def plan_of(record: RunRecord) -> Plan:
    """The checked plan that the run was started with; its cells in the same order.

    RecordError if this harness would not understand it as the one that began the run did.
    """
    try:
        return Plan(
            scenario=_scenario(record.scenario),
            source=record.source,
            cells=tuple(map(_cell, record.cells)),
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RecordError(
            f"{record.run_id}: its plan was written by another version of the harness "
            f"({place}: {first['msg']}); resume it with that version, or run the scenario anew"
        ) from error


def stored_cell(cell: Cell) -> CellRecord:
    """A cell of a plan as its run's record has it, before anything is measured."""
    told = cell.equal_rate
    return CellRecord(
        name=cell.name,
        config=cell.configuration.model_dump(mode="json"),
        axes=cell.axes,
        axis_words=cell.axis_words,
        workload=cell.workload.model_dump(mode="json", exclude={"measure"}),
        load=cell.load.model_dump(mode="json", exclude={"measure"}),
        measure=cell.measure.model_dump(mode="json"),
        equal_rate=None if told is None else EqualRateRecord(**told.model_dump()),
    )


def _scenario(stored: Plain) -> Scenario:
    workloads = list(map(without_unset, stored["workloads"]))
    return Scenario.model_validate_json(json.dumps({**stored, "workloads": workloads}))


def _cell(stored: CellRecord) -> Cell:
    return Cell(
        name=stored.name,
        configuration=Configuration.model_validate_json(json.dumps(stored.config)),
        axes=stored.axes,
        axis_words=stored.axis_words,
        workload=_parsed(_WORKLOAD, without_unset(stored.workload)),
        load=_parsed(_LOAD, stored.load),
        measure=Measure.model_validate_json(json.dumps(stored.measure)),
        equal_rate=_equal_rate(stored),
    )


def _equal_rate(stored: CellRecord) -> EqualRate | None:
    told = stored.equal_rate
    return None if told is None else EqualRate.model_validate(told.model_dump())


def _parsed(adapter: TypeAdapter[T], stored: Plain) -> T:
    return adapter.validate_json(json.dumps(stored))
