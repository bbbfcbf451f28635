"""Renders messages of further units, from samples of the first ones: as one JSON text."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from celery import Celery
from kombu.utils.json import dumps

from harness.probe.publishing.sampling import Sample
from harness.probe.publishing.template import (
    SERIALS,
    Arguments,
    Hole,
    Path,
    ReprMaker,
    at,
    body_maker,
    holes,
    replaced,
    repr_maker,
)

_json: Callable[..., str] = dumps  # kombu has types in part
TextRenderer = Callable[[str, Arguments, str], str]
"""Task id, arguments, serial -> the message as kombu's own transports write it."""
MISFIT = "publish: prebuilt does not give the messages back that Celery writes: use publish: api"


def text_renderer(app: Celery, channel: Any, seen: Sequence[Sample]) -> TextRenderer:
    """How messages are written for transports that send each as one JSON text. ValueError if there
    is no way."""
    found = holes(app, seen[0], seen[1])
    escape = plain if channel.body_encoding == "base64" else _escaped

    def encode(body: Any) -> Any:
        return channel.encode_body(body, channel.body_encoding)[0]

    body = body_maker(seen, encode) if Hole.BODY in found.values() else _no_body
    shown = repr_maker(app, seen)
    if shown is not repr:  # of whole numbers, which need no escapes
        shown = _escaping(shown)
    text, order = _format(seen[0], found)
    pick = itemgetter(*order)

    def render(task_id: str, arguments: Arguments, serial: str) -> str:
        values = (task_id, escape(body(task_id, arguments)), shown(arguments), serial)
        rendered: str = text % pick(values)
        return rendered

    for sample in seen:
        serial = next((at(sample.fields, path) for path in SERIALS if path in found), "")
        real = _json(sample.fields)
        if render(sample.task_id, sample.arguments, serial) != real:
            raise ValueError(MISFIT)
    return render


def _format(sample: Sample, found: dict[Path, Hole]) -> tuple[str, list[int]]:
    """The text with a %s for each hole, and which values they are to hold, in order."""
    token = secrets.token_hex(8)
    marks = {path: f"{token}-{number}" for number, path in enumerate(found)}
    text = _json(replaced(sample.fields, marks)).replace("%", "%%")
    places = sorted((text.index(mark), path) for path, mark in marks.items())
    for mark in marks.values():
        text = text.replace(mark, "%s")
    return text, [found[path].value for _, path in places]


def plain(body: Any) -> Any:
    """A body that needs no further encoding."""
    return body


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def _escaping(shown: ReprMaker) -> ReprMaker:
    return lambda arguments: _escaped(shown(arguments))


def _no_body(task_id: str, arguments: Arguments) -> str:  # noqa: ARG001 - one for all
    return ""
