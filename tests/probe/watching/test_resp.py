"""Replies of a Redis server, in whatever pieces they arrive."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.watching.resp import Replies, ReplyError

REPLY = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


def wire(reply: Any) -> bytes:
    """As the protocol's own description writes it."""
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, bytes):
        return b"$%d\r\n%s\r\n" % (len(reply), reply)
    return b"*%d\r\n" % len(reply) + b"".join(map(wire, reply))


@given(st.lists(REPLY, max_size=5), st.lists(st.integers(0, 400), max_size=12))
def test_pieces_make_the_whole(replies: list[Any], cuts: list[int]) -> None:
    stream, parser, found = b"".join(map(wire, replies)), Replies(), []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        found += parser.feed(stream[start:end])
    assert found == replies


def test_version_3_is_understood() -> None:
    stream = b">2\r\n$4\r\npong\r\n$0\r\n\r\n+PONG\r\n_\r\n*-1\r\n"
    assert Replies().feed(stream) == [[b"pong", b""], b"PONG", None, None]


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"-NOPERM no channel\r\n", "NOPERM no channel"),
        (b"HTTP/1.1 400 Bad Request\r\n", "not a reply"),
        (b"$many\r\n", "not a number"),
    ],
)
def test_refusals_are_errors(stream: bytes, words: str) -> None:
    with pytest.raises(ReplyError, match=words):
        Replies().feed(stream)
