"""Ids that say which unit they belong to: every way to make one makes the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.probe.events import id_bytes
from harness.probe.ids import MOST_UNITS, ident_maker, namer, new_tag


@given(st.integers(0, MOST_UNITS - 1))
def test_the_short_way_to_an_ident_is_the_same(unit: int) -> None:
    tag = new_tag()
    assert ident_maker(tag)(unit) == id_bytes(namer(tag)(unit, 0))
