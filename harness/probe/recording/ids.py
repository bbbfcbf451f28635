"""Task ids that say which unit, and which of its tasks, they belong to.

An id is a UUID of version 8 (RFC 9562: the layout is the application's own):

    tag (64 bits, 60 of them random) | variant (2) | unit (30) | position (16) | 0 (16)

The tag is drawn once per client process. So whoever meets an id, in a worker's log or in a
result, knows the unit without asking; and a message that no client of the block published has
a tag that none of them drew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

MOST_UNITS = 1 << 30
UNITS_PER_CLIENT = 1 << 24
MOST_TASKS = (1 << 16) - 1
"""Positions of one unit; the last one names the unit's own result where that is no task's."""
WHOLE = MOST_TASKS
_VARIANT = 0b10 << 62
_VERSION = 8 << 12


def first_unit(client: int) -> int:
    """The first unit number of a client, whose own number counts from 0: no two clients of a block
    share a unit. 64 clients, 16 million units each."""
    return client * UNITS_PER_CLIENT


BEAT = 63
"""The number under which beat publishes: no client of a block has it."""


def new_tag() -> int:
    """A tag of 64 bits that nobody else has."""
    return (secrets.randbits(64) & ~(0xF << 12)) | _VERSION


def namer(tag: int) -> Callable[[int, int], str]:
    """`(unit, position) -> task id` under a tag. ValueError for a unit or position too large."""
    hi = f"{tag:016x}"
    prefix = f"{hi[:8]}-{hi[8:12]}-{hi[12:]}-"

    def name(unit: int, position: int) -> str:
        if not (0 <= unit < MOST_UNITS and 0 <= position <= MOST_TASKS):
            raise ValueError(f"no id for position {position} of unit {unit}")
        lo = f"{_VARIANT | unit << 32 | position << 16:016x}"
        return f"{prefix}{lo[:4]}-{lo[4:]}"

    return name


def ident_maker(tag: int) -> Callable[[int], bytes]:
    """`unit -> the 16 bytes of its task at position 0`: `id_bytes` of what `namer` gives."""
    hi = tag.to_bytes(8, "big")

    def ident(unit: int) -> bytes:
        return hi + (_VARIANT | unit << 32).to_bytes(8, "big")

    return ident


def parsed(task_id: str) -> tuple[int, int, int] | None:
    """Tag, unit and position; None for an id that no `namer` made."""
    try:
        number = int(task_id.replace("-", ""), 16)
    except ValueError:
        return None
    hi, lo = number >> 64, number & (2**64 - 1)
    if hi >> 64 or hi >> 12 & 0xF != 8 or lo >> 62 != 0b10 or lo & 0xFFFF:
        return None
    return hi, lo >> 32 & (MOST_UNITS - 1), lo >> 16 & 0xFFFF
