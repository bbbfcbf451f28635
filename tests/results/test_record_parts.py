"""A block's record is put together from typed parts: mypy holds their names and types against the
record's; this holds that no field of the record is left without anybody who fills it."""

from __future__ import annotations

from itertools import combinations

from harness.results.record.parts import CostFigures, LeftFigures, LogFigures, ObservedFigures
from harness.results.record.run import BlockRecord

PARTS = (LogFigures, ObservedFigures, CostFigures, LeftFigures)
BY_NAME = {
    "number",
    "cell",
    "repetition",
    "status",
    "error",
    "failing",
    "started_at",
    "isolation",
    "bound_s",
    "slice_s",
    "unfinished",
    "mismatches",
    "periodic",
    "beat_fell",
    "versions",
    "ran_with",
    "children",
    "files",
}
"""What `record_block` gives by itself."""


def test_every_field_of_a_block_comes_from_one_place() -> None:
    """A new field of the record that no part knows, or that two do, fails here."""
    names = [BY_NAME, *(set(part.__annotations__) for part in PARTS)]
    assert set.union(*names) == set(BlockRecord.model_fields)
    assert not any(one & other for one, other in combinations(names, 2))


def test_a_part_has_no_defaults() -> None:
    """Whoever fills one cannot forget anything: mypy says what is missing."""
    assert all(part.__required_keys__ == set(part.__annotations__) for part in PARTS)
