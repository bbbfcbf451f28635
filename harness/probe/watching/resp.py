"""The protocol of Redis, versions 2 and 3: as much of it as a subscriber is told."""

from __future__ import annotations

from typing import Any

_END = b"\r\n"
_BULK, _ARRAY, _PUSH, _INTEGER, _SIMPLE, _ERROR, _NULL = b"$*>:+-_"


class ReplyError(Exception):
    """The server refused a command, or speaks something else."""


class Replies:
    """Cuts a stream of bytes into replies: bytes, int, None or lists of them."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Any]:
        """The replies that are complete now. ReplyError for what is no reply or an error."""
        buffer, start, found = self._rest + data, 0, []
        while (one := _reply_at(buffer, start)) is not None:
            reply, start = one
            found.append(reply)
        self._rest = buffer[start:]
        return found


def _reply_at(buffer: bytes, start: int) -> tuple[Any, int] | None:
    """The reply that begins there, and where it ends; None if its end has not come yet."""
    end = buffer.find(_END, start)
    if end < 0:
        return None
    kind, head, start = buffer[start], buffer[start + 1 : end], end + 2
    if kind == _BULK:
        return _bulk_at(buffer, start, _number(head))
    if kind in (_ARRAY, _PUSH):
        return _array_at(buffer, start, _number(head))
    if kind == _INTEGER:
        return _number(head), start
    if kind == _SIMPLE:
        return head, start
    if kind == _NULL:
        return None, start
    if kind == _ERROR:
        raise ReplyError(head.decode(errors="replace"))
    raise ReplyError(f"not a reply: {bytes([kind]) + head[:40]!r}")


def _bulk_at(buffer: bytes, start: int, length: int) -> tuple[bytes | None, int] | None:
    if length < 0:
        return None, start
    end = start + length
    return (buffer[start:end], end + 2) if len(buffer) >= end + 2 else None


def _array_at(buffer: bytes, start: int, length: int) -> tuple[list[Any] | None, int] | None:
    if length < 0:
        return None, start
    items = []
    for _ in range(length):
        one = _reply_at(buffer, start)
        if one is None:
            return None
        item, start = one
        items.append(item)
    return items, start


def _number(head: bytes) -> int:
    try:
        return int(head)
    except ValueError:
        raise ReplyError(f"not a number: {head[:40]!r}") from None
