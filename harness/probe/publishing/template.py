"""What the messages of a workload have in common, and how the rest of each is made.

Nothing about Celery's messages is assumed: what differs between two samples is looked at, and
has to be something that is understood (the id, the arguments, a text made from them, a number of
the transport's own). What is then written is compared with further samples, byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from celery import Celery
from celery.utils.saferepr import saferepr
from kombu.compression import compress
from kombu.serialization import dumps

from harness.probe.publishing.sampling import Sample

Path = tuple[Any, ...]
Arguments = tuple[Any, ...]
BodyMaker = Callable[[str, Arguments], Any]
"""Task id and arguments -> the body as it stands in the message."""
ReprMaker = Callable[[Arguments], str]


# kombu and Celery have types in part.
_dumps: Callable[..., tuple[str, str, Any]] = dumps
_compress: Callable[..., tuple[Any, str]] = compress


class Hole(Enum):
    """What stands at a place that differs from message to message."""

    ID = 0
    BODY = 1
    ARGUMENTS = 2
    """As text, for people: Celery's `argsrepr`."""
    SERIAL = 3
    """A UUID that the transport gives to each message."""


SERIALS = (("properties", "delivery_tag"),)
"""Paths at which transports of kombu's own put a UUID of each message."""


def holes(app: Celery, first: Sample, second: Sample) -> dict[Path, Hole]:
    """What stands where two messages differ. ValueError for a place that is not understood."""
    shown = repr_maker(app, (first, second))
    found: dict[Path, Hole] = {}
    for path in differences(first.fields, second.fields):
        values = (at(first.fields, path), at(second.fields, path))
        if path in SERIALS:
            found[path] = Hole.SERIAL
        elif values == (first.task_id, second.task_id):
            found[path] = Hole.ID
        elif path == ("body",):
            found[path] = Hole.BODY
        elif values == (shown(first.arguments), shown(second.arguments)):
            found[path] = Hole.ARGUMENTS
        else:
            raise ValueError(
                f"publish: prebuilt cannot write {'.'.join(map(str, path))}, which changes from "
                "message to message: use publish: api"
            )
    return found


def differences(first: Any, second: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of the leaves in which two trees of dictionaries differ."""
    if isinstance(first, Mapping) and isinstance(second, Mapping) and list(first) == list(second):
        for key in first:
            yield from differences(first[key], second[key], (*path, key))
    elif type(first) is not type(second) or first != second:
        yield path


def at(tree: Any, path: Path) -> Any:
    """The leaf at a path."""
    for key in path:
        tree = tree[key]
    return tree


def replaced(tree: Any, leaves: Mapping[Path, Any]) -> Any:
    """A copy with other leaves at those paths; the order of keys is kept."""
    copy = (
        {key: replaced(value, _below(leaves, key)) for key, value in tree.items()}
        if (isinstance(tree, Mapping) and () not in leaves)
        else tree
    )
    return leaves.get((), copy)


def _below(leaves: Mapping[Path, Any], key: Any) -> dict[Path, Any]:
    return {path[1:]: value for path, value in leaves.items() if path[:1] == (key,)}


def repr_maker(app: Celery, seen: Sequence[Sample]) -> ReprMaker:
    """How Celery shows arguments. `repr` is ten times as fast, and the same for whole numbers."""
    if all(type(value) is int for sample in seen for value in sample.arguments):
        return repr
    options: dict[str, Any] = {"maxlen": app.amqp.argsrepr_maxsize}
    if "task_repr_maxlevels" in app.conf:  # Celery 5.7 and newer
        options["maxlevels"] = app.conf.task_repr_maxlevels
    return lambda arguments: str(saferepr(arguments, **options))


def body_maker(seen: Sequence[Sample], encode: Callable[[Any], Any]) -> BodyMaker:
    """How the body is made; `encode` is the transport's own last step, such as base64.

    ValueError if no way gives the samples' bodies back.
    """
    makers = [_patched_json, _serialised]
    for maker in makers:
        made = maker(seen[0], encode)
        if made is not None and all(
            made(sample.task_id, sample.arguments) == sample.fields["body"] for sample in seen
        ):
            return made
    raise ValueError("publish: prebuilt cannot write these bodies: use publish: api")


def _serialised(sample: Sample, encode: Callable[[Any], Any]) -> BodyMaker:
    """By kombu's serializer and compression, whatever they are."""
    serializer, method = sample.serializer, sample.compression

    def make(task_id: str, arguments: Arguments) -> Any:
        body = _with(sample, task_id, arguments)
        _, _, text = _dumps(body, serializer=serializer)
        if method:
            text, _ = _compress(text, method)
        return encode(text)

    return make


def _with(sample: Sample, task_id: Any, arguments: Any) -> Any:
    """The sample's body with another id and other arguments. Protocol 2 has a tuple that
    begins with the arguments, protocol 1 a dictionary that names both."""

    def other(value: Any) -> Any:
        if value is sample.arguments or value == sample.arguments:
            return arguments
        return task_id if value == sample.task_id else value

    if isinstance(sample.body, Mapping):
        return {key: other(value) for key, value in sample.body.items()}
    return tuple(other(value) for value in sample.body)


def _patched_json(sample: Sample, encode: Callable[[Any], Any]) -> BodyMaker | None:
    """JSON, rendered once: five times as fast as kombu's. None where it is not plain enough."""
    plain = all(type(value) in _JSON for value in sample.arguments)
    if sample.serializer not in (None, "json") or sample.compression or not plain:
        return None
    mark = "%harness-arguments%"
    _, _, text = _dumps(_with(sample, sample.task_id, mark), serializer="json")
    parts = text.split(f'"{mark}"') if isinstance(text, str) else []
    if len(parts) != 2 or sample.task_id in text:
        return None
    before, after = parts

    def make(task_id: str, arguments: Arguments) -> Any:  # noqa: ARG001 - a body without the id
        shown = ", ".join([_JSON[type(value)](value) for value in arguments])
        return encode(f"{before}[{shown}]{after}")

    return make


_JSON: Mapping[type, Callable[[Any], str]] = {int: int.__repr__, str: json.dumps}
