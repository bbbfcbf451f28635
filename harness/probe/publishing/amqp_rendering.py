"""Renders messages of further units for py-amqp: an object with a body and properties."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from celery import Celery

from harness.probe.publishing.rendering import MISFIT, plain
from harness.probe.publishing.sampling import MessageFields, Sample
from harness.probe.publishing.template import Arguments, Hole, body_maker, holes, repr_maker

MessageRenderer = Callable[[str, Arguments], Any]
"""Task id, arguments -> an amqp.Message."""
_Values = tuple[bytes, bytes]
"""Of one message: the task id and the text of its arguments."""


def message_renderer(app: Celery, message_type: Any, seen: Sequence[Sample]) -> MessageRenderer:
    """ValueError if there is no way to give these samples back."""
    found = holes(app, seen[0], seen[1])
    body = body_maker(seen, plain) if Hole.BODY in found.values() else None
    fixed_body, shown = seen[0].fields["body"], repr_maker(app, seen)
    make = _message_maker(message_type, seen[0], found)
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
            raise ValueError(MISFIT)
    return render


def _message_maker(
    message_type: Any, sample: Sample, found: dict[tuple[Any, ...], Hole]
) -> Callable[[Any, str, str], Any]:
    """Body, task id and text of the arguments -> a message like the sample."""
    fixed = {name: value for name, value in sample.fields.items() if name != "body"}
    fixed_headers = fixed.pop("application_headers")
    in_headers = [(path[1], hole) for path, hole in found.items() if len(path) == 2]
    in_properties = [
        (path[0], hole) for path, hole in found.items() if len(path) == 1 and path != ("body",)
    ]
    rendered_type = _with_rendered_properties(message_type)

    def make(text: Any, task_id: str, arguments_text: str) -> Any:
        values = {Hole.ID: task_id, Hole.ARGUMENTS: arguments_text}
        headers, properties = fixed_headers.copy(), fixed.copy()
        for name, hole in in_headers:
            headers[name] = values[hole]
        for name, hole in in_properties:
            properties[name] = values[hole]
        return rendered_type(text, application_headers=headers, **properties)

    return make


def _with_rendered_properties(message_type: Any) -> Any:
    """The message class, with properties that are bytes already. The real ones stand in it all
    the same: a py-amqp that writes them in another way writes the right ones."""

    def serialized(message: Any) -> Any:
        return message.rendered

    return type("Rendered", (message_type,), {"_serialize_properties": serialized})


def _serialized(message: Any) -> bytes:
    """As py-amqp itself writes the properties."""
    properties: bytes = super(type(message), message)._serialize_properties()
    return properties


class PropertyTemplates:
    """Properties as py-amqp writes them, rendered once for each length of what varies in them:
    lengths are written, too. Its own way takes a fifth of a whole `basic_publish`."""

    def __init__(self, make: Callable[[Any, str, str], Any]) -> None:
        """`make` gives a message of a body, an id and a text of arguments."""
        self._make = make
        self._by_lengths: dict[tuple[int, int], Callable[[_Values], bytes] | None] = {}

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

    def _template(self, *lengths: int) -> Callable[[_Values], bytes] | None:
        """None if nothing varies here. That marks are told from what stands around them is seen
        when the first message is compared."""
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


def _alike(first: MessageFields, second: MessageFields) -> bool:
    """Equal, and the headers in the same order: they are written in it."""
    headers = [list(fields["application_headers"]) for fields in (first, second)]
    return first == second and headers[0] == headers[1]
