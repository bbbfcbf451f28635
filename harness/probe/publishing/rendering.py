"""Renders messages of further units, from samples of the first ones."""

from __future__ import annotations

import json
import re
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
    BodyMaker,
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
MessageRenderer = Callable[[str, Arguments], Any]
"""Task id, arguments -> an amqp.Message."""

_MISFIT = "publish: prebuilt does not give the messages back that Celery writes: use publish: api"


def text_renderer(app: Celery, channel: Any, seen: Sequence[Sample]) -> TextRenderer:
    """For transports that send a message as one JSON text. ValueError if there is no way."""
    found = holes(app, seen[0], seen[1])
    escape = _plain if channel.body_encoding == "base64" else _escaped

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
            raise ValueError(_MISFIT)
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


def _plain(body: Any) -> Any:
    return body


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def _escaping(shown: ReprMaker) -> ReprMaker:
    return lambda arguments: _escaped(shown(arguments))


def _no_body(task_id: str, arguments: Arguments) -> str:  # noqa: ARG001 - one for all
    return ""


def message_renderer(
    app: Celery, message_type: Callable[..., Any], seen: Sequence[Sample]
) -> MessageRenderer:
    """For py-amqp, which writes body and properties itself. ValueError if there is no way."""
    found = holes(app, seen[0], seen[1])
    body: BodyMaker | None = None
    if Hole.BODY in found.values():
        body = body_maker(seen, _plain)
    fixed = dict(seen[0].fields)
    fixed_body, fixed_headers = fixed.pop("body"), fixed.pop("application_headers")
    shown = repr_maker(app, seen)
    in_headers = [(path[1], hole) for path, hole in found.items() if path[0] != "body" and path[1:]]
    in_properties = [(path[0], hole) for path, hole in found.items() if path[1:] == ()]
    in_properties = [(name, hole) for name, hole in in_properties if name != "body"]

    rendered_type = _with_rendered_properties(message_type)

    def make(text: Any, task_id: str, arguments_text: str) -> Any:
        values = {Hole.ID: task_id, Hole.ARGUMENTS: arguments_text}
        headers, properties = fixed_headers.copy(), fixed.copy()
        for name, hole in in_headers:
            headers[name] = values[hole]
        for name, hole in in_properties:
            properties[name] = values[hole]
        return rendered_type(text, application_headers=headers, **properties)

    templates = PropertyTemplates(make)

    def render(task_id: str, arguments: Arguments) -> Any:
        text = fixed_body if body is None else body(task_id, arguments)
        arguments_text = shown(arguments)
        message = make(text, task_id, arguments_text)
        message.rendered = templates.rendered(message, task_id, arguments_text)
        return message

    for sample in seen:
        message = render(sample.task_id, sample.arguments)
        if not _alike({"body": message.body, **message.properties}, sample.fields):
            raise ValueError(_MISFIT)
    return render


def _with_rendered_properties(message_type: Any) -> Any:
    """The message class, with properties that are bytes already."""

    def serialized(message: Any) -> Any:
        return message.rendered

    return type("Rendered", (message_type,), {"_serialize_properties": serialized})


class PropertyTemplates:
    """Properties as py-amqp writes them, rendered once for each length of what varies in them:
    lengths are written, too. Its own way takes a fifth of a whole `basic_publish`."""

    def __init__(self, make: Callable[[Any, str, str], Any]) -> None:
        """`make` gives a message of a body, an id and a text of arguments."""
        self._make = make
        self._by_lengths: dict[tuple[int, int], _Template | None] = {}

    def rendered(self, message: Any, task_id: str, arguments_text: str) -> bytes:
        """The bytes for this message."""
        values = (task_id.encode(), arguments_text.encode())
        lengths = (len(values[0]), len(values[1]))
        if lengths not in self._by_lengths:
            template = self._template(*lengths)
            fits = template is not None and template(values) == _serialized(message)
            self._by_lengths[lengths] = template if fits else None
        known = self._by_lengths[lengths]
        return _serialized(message) if known is None else known(values)

    def _template(self, *lengths: int) -> _Template | None:
        """None if nothing varies, or too little to tell it from what stands around it."""
        marks = [secrets.token_hex(length)[:length].encode() for length in lengths]
        bare = _serialized(self._make("", marks[0].decode(), marks[1].decode()))
        places = sorted(
            (found.start(), which)
            for which, mark in enumerate(marks)
            for found in re.finditer(re.escape(mark), bare)
            if mark
        )
        if not places:
            return None
        pick = itemgetter(*(which for _, which in places))
        text = bare.replace(b"%", b"%%")
        for mark in filter(None, marks):
            text = text.replace(mark, b"%b")
        return lambda values: text % pick(values)


_Template = Callable[[tuple[bytes, bytes]], bytes]


def _serialized(message: Any) -> bytes:
    properties: bytes = super(type(message), message)._serialize_properties()
    return properties


def _alike(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Equal, and the headers in the same order: they are written in it."""
    headers = [list(fields["application_headers"]) for fields in (first, second)]
    return first == second and headers[0] == headers[1]
