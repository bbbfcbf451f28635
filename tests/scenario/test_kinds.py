"""Rows of workloads and loads: what they name as text is there, and is of the kind it should be."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from harness.runner.sessions.session import Session
from harness.scenario.loads import registry as loads
from harness.scenario.workloads import registry as workloads
from harness.scenario.workloads.base import WorkloadRow

CALLED = ("publish", "result", "wait", "expected")


def named(text: str) -> Any:
    module, _, name = text.partition(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("row", workloads.ROWS, ids=lambda row: row.model.__name__)
def test_a_workload_names_the_class_of_its_units(row: WorkloadRow) -> None:
    units = named(row.units)
    assert all(callable(getattr(units, name)) for name in CALLED)
    assert units.joins == row.model.joins


@pytest.mark.parametrize("row", loads.ROWS, ids=lambda row: row.model.__name__)
def test_a_load_names_its_session_and_its_part_in_the_client(row: loads.LoadRow) -> None:
    assert issubclass(named(row.session), Session)
    assert not row.client or callable(named(row.client).run)


def test_who_waits_and_who_fires() -> None:
    """What checks go by, kind by kind."""
    assert [name for name, one in loads.LOADS.items() if one.has_callers] == ["closed"]
    assert [name for name, one in loads.LOADS.items() if one.fired_by_beat] == ["schedule"]
    by = {
        trait: [name for name, one in workloads.WORKLOADS.items() if getattr(one, trait)]
        for trait in ("joins", "waits_for_header", "prebuilt", "past_batches", "fired_by_beat")
    }
    assert by == {
        "joins": ["group", "canvas", "chunks"],
        "waits_for_header": ["chord", "nested"],
        "prebuilt": ["add", "heavy_task", "work"],
        "past_batches": ["chain", "chord", "nested", "canvas"],
        "fired_by_beat": ["periodic"],
    }
