"""From a document to a model, with every problem worded for the person who wrote the YAML.

Pydantic says what is wrong and where in the model; this module says it in the words of the file,
at its line and column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from harness.errors import Problem
from harness.scenario.files.document import Document, Location, Mark, Spot
from harness.scenario.files.wording import did_you_mean, listed, shown, yaml_1_1_hint
from harness.scenario.vendors.transport_options import TRANSPORT_OPTIONS

Model = TypeVar("Model", bound=BaseModel)
_TAGS = ("service", "workload", "load", "phase", "fault")
"""Keys that tell the models of a union apart."""
_TAG_KINDS = ("union_tag_invalid", "union_tag_not_found", "model_attributes_type")


def validate(model: type[Model], document: Document, problems: list[Problem]) -> Model | None:
    """The document as a frozen model; None, and one problem or more, if it is not one."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = [_placed(model, details, document) for details in error.errors(include_url=False)]
    problems.extend(one.problem(document) for one in _distinct(found, document))
    return None


def mended(model: type[BaseModel], document: Document) -> Document | None:
    """The document without what is wrong in it, so that what else is wrong can be looked for; the
    same one if nothing is. None where too little is left.

    Unknown keys are taken for what was probably meant or left out, as are entries of lists that
    cannot be read; bad values give way to their defaults, or to something that would do. The result
    knows these places as `unknown` or `partial`: nothing may be concluded from them.
    """
    for _ in range(_MOST_MENDED):
        errors = _errors(model, document)
        if not errors:
            return document
        tried = _repaired(errors[0], document)
        repaired = next((one for one in tried if _is_better(_errors(model, one), errors)), None)
        if repaired is None:
            return None
        document = repaired
    return None


def without_consequences(problems: list[Problem], faulty: list[Problem]) -> list[Problem]:
    """Without what was found later where something was wrong before."""
    known = {_mark_of(one) for one in faulty}
    return [one for one in problems if one in faulty or _mark_of(one) not in known]


def _mark_of(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


_MOST_MENDED = 100


def _is_better(left: list[_Found], errors: list[_Found]) -> bool:
    first = (errors[0].location, errors[0].kind)
    return first not in {(one.location, one.kind) for one in left} or len(left) < len(errors)


def _errors(model: type[BaseModel], document: Document) -> list[_Found]:
    try:
        model.model_validate(document.data)
    except ValidationError as error:
        found = [_placed(model, details, document) for details in error.errors(include_url=False)]
        return _distinct(found, document)
    return []


def _repaired(found: _Found, document: Document) -> Iterator[Document]:
    """The document without one error, in the ways that change least first."""
    place, value, spots = found.location, document.get(found.location), document.spots
    around = place[:-1]
    field = found.owners[0].model_fields.get(str(place[-1])) if found.of_field else None
    if found.kind == "extra_forbidden" and found.owners:
        known = [name for name in found.owners[0].model_fields if (*around, name) not in spots]
        for meant in get_close_matches(str(place[-1]), known, 1):
            part = document.below(place, document.key_mark(place))
            yield document.without(place).placed((*around, meant), part)
    if found.kind == "value_error" and isinstance(value, dict):  # they do not go together
        doubtful = [(*place, key) for key in value if key not in _TAGS] if place else []
        yield from (document.without((*place, key)).doubted(doubtful) for key in value)
    for one in _substitutes(found, field, document):
        spot = spots.get(place) or Spot(document.key_mark(place), document.value_mark(place))
        there: dict[Location, Spot] = {(): spot, (0,): spot}
        yield document.placed(place, Document(one, there, frozenset([()])))
    if found.kind == "extra_forbidden":
        yield document.without(place).doubted(partial=[around])
    elif (field is not None and not field.is_required()) or (
        not found.of_field and isinstance(document.get(around), dict)
    ):  # a key that no model names, as an axis of the matrix is
        yield document.without(place).doubted([place])
    for length in range(len(place), 0, -1):
        if isinstance(place[length - 1], int):
            around = place[: length - 1]
            yield document.without_entry(place[:length]).doubted(partial=[around])


def _substitutes(found: _Found, field: FieldInfo | None, document: Document) -> Iterator[Any]:
    """Values of which one may do where a bad one is, or none: nothing is known of it then."""
    in_list = any(isinstance(element, int) for element in found.location)
    if found.kind == "extra_forbidden" or (found.kind == "missing" and in_list):
        return  # the key, or the entry of the list, is left out
    if found.kind in _TAG_KINDS:
        models = () if in_list else found.owners
    elif field is None or (found.location not in document.spots and found.kind != "missing"):
        return
    else:
        if field.is_required():
            yield from (1, "x", ["x"])
        elif field.default is None:  # to say nothing at all may mean something else
            yield 1
        models = _models_in(field.annotation) if field.is_required() else ()
    for model in models:
        yield from ({key: word} for key in _TAGS for word in _words_of(model, key))


def _words_of(model: type[BaseModel], tag: str) -> tuple[str, ...]:
    field = model.model_fields.get(tag)
    return () if field is None else get_args(field.annotation)


@dataclass(frozen=True)
class _Found:
    """One of pydantic's errors, its location translated to the file's."""

    details: ErrorDetails
    location: Location
    owners: tuple[type[BaseModel], ...]
    """The models that hold (or could hold, before a union is decided) the value."""
    of_field: bool
    """Whether the value is that of a field of theirs."""

    @property
    def kind(self) -> str:
        return self.details["type"]

    def problem(self, document: Document) -> Problem:
        word, mark = _WORDED.get(self.kind, _unforeseen), document.value_mark(self.location)
        if self.kind in ("extra_forbidden", "missing"):
            mark = _key_or_parent(document, self.location)
        elif self.details["loc"][-1:] == ("[key]",) or (
            self.kind == "value_error" and isinstance(document.get(self.location), dict)
        ):
            mark = document.key_mark(self.location)
        elif self.kind == "union_tag_invalid":
            mark = document.value_mark((*self.location, self.details["ctx"]["discriminator"][1:-1]))
            if isinstance(document.get(self.location), str):
                mark = document.value_mark(self.location)
        return mark.problem(word(self))


def _key_or_parent(document: Document, location: Location) -> Mark:
    return document.key_mark(location if location in document.spots else location[:-1])


# --- locations ----------------------------------------------------------------------------------


def _placed(root: type[BaseModel], details: ErrorDetails, document: Document) -> _Found:
    """Walk pydantic's location through the models, leaving out the names of union branches."""
    location: Location = ()
    owners: tuple[type[BaseModel], ...] = (root,)
    below, of_field = owners, False
    for element in details["loc"]:
        if len(below) > 1 and (chosen := _branch(below, element)):
            below = chosen
        elif len(below) == 1 and element in below[0].model_fields:
            owners, location, of_field = below, (*location, element), True
            below = _models_of(owners[0], str(element))
        elif _holds(document.get(location), element):
            owners, location, of_field = below or owners, (*location, element), False
    if details["type"] in _TAG_KINDS:
        owners = below
    return _Found(details, location, owners, of_field)


def _branch(models: Iterable[type[BaseModel]], tag: object) -> tuple[type[BaseModel], ...]:
    return tuple(model for model in models if tag in _tags(model))


@cache
def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    """The fixed words by which a union knows this model: `redis`, `add`, `closed` ..."""
    return tuple(word for tag in _TAGS for word in _words_of(model, tag))


@cache  # a file with errors asks hundreds of times
def _models_of(model: type[BaseModel], field: str) -> tuple[type[BaseModel], ...]:
    """The models that a field may hold."""
    return _models_in(model.model_fields[field].annotation)


def _models_in(annotation: Any) -> tuple[type[BaseModel], ...]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for part in get_args(annotation) for model in _models_in(part))


def _holds(data: Any, element: str | int) -> bool:
    if isinstance(data, dict):
        return element in data
    return isinstance(data, list) and isinstance(element, int) and element < len(data)


def _distinct(found: list[_Found], document: Document) -> list[_Found]:
    """One problem per place, without what only follows from another one.

    A plain union such as `int | str` reports each of its branches: the branch whose type fits
    knows best. A list whose items are all wrong reports itself as too short.
    """
    by_location: dict[Location, list[_Found]] = {}
    for one in found:
        items = document.get(one.location)
        if one.kind == "too_short" and isinstance(items, list) and items:
            continue
        by_location.setdefault(one.location, []).append(one)
    chosen = []
    for alternatives in by_location.values():
        of_right_type = [one for one in alternatives if not one.kind.endswith("_type")]
        chosen.append((of_right_type or alternatives)[0])
    return chosen


# --- words --------------------------------------------------------------------------------------


def _expected(what: str) -> Callable[[_Found], str]:
    return lambda found: f"expected {what}, not {shown(found.details['input'])}"


def _bool(found: _Found) -> str:
    return _expected("true or false")(found) + yaml_1_1_hint(found.details["input"])


def _int(found: _Found) -> str:
    alternatives = found.owners[0].model_fields.get(str(found.location[-1]))
    or_text = alternatives is not None and str in get_args(alternatives.annotation)
    return _expected("a whole number or text" if or_text else "a whole number")(found)


def _string(found: _Found) -> str:
    value = found.details["input"]
    hint = ": put it in quotes" if isinstance(value, bool | int | float) else ""
    return _expected("text")(found) + hint


def _union_mapping(found: _Found) -> str:
    key = _discriminator(found)
    return f'expected a mapping with "{key}:", not {shown(found.details["input"])}'


def _missing(found: _Found) -> str:
    return f'missing key "{found.location[-1]}"'


def _extra(found: _Found) -> str:
    key = str(found.location[-1])
    known = list(found.owners[0].model_fields)
    if found.location[:-1] == () and "settings" in known and _is_celery_setting(key):
        return f'{shown(key)} is a Celery setting: put it under "settings:"'
    if "settings" in known and key in _transport_options():
        return (
            f"{shown(key)} is an option of the transport: put it under "
            '"settings: {broker_transport_options: ...}"'
        )
    guess = did_you_mean(key, known)
    return f"unknown key {shown(key)}{guess or '; known here: ' + listed(known)}"


def _transport_options() -> frozenset[str]:
    return frozenset().union(*TRANSPORT_OPTIONS.values())


def _is_celery_setting(key: str) -> bool:
    from harness.scenario.settings.celery_settings import known_settings  # noqa: PLC0415 - imports celery

    return key.lower() in known_settings()


def _unknown_tag(found: _Found) -> str:
    known = [tag for model in found.owners for tag in _tags(model)]
    key = _discriminator(found)
    given = found.details["input"][key]
    guess = did_you_mean(given, known) if isinstance(given, str) else ""
    return f"unknown {key} {shown(given)}{guess}; known: {listed(known)}"


def _no_tag(found: _Found) -> str:
    known = [tag for model in found.owners for tag in _tags(model)]
    return f'missing key "{_discriminator(found)}": one of {listed(known)}'


def _discriminator(found: _Found) -> str:
    names = found.owners[0].model_fields
    return next(name for name in names if name in _TAGS)


def _choice(found: _Found) -> str:
    known = re.findall(r"'([^']*)'", found.details["ctx"]["expected"])
    value = found.details["input"]
    guess = did_you_mean(value, known) if isinstance(value, str) else ""
    return f"expected one of {listed(known)}, not {shown(value)}{guess}"


def _limit(words: str, name: str) -> Callable[[_Found], str]:
    return lambda found: (
        f"must be {words} {found.details['ctx'][name]}, not {shown(found.details['input'])}"
    )


def _raised(found: _Found) -> str:
    return str(found.details["ctx"]["error"])


def _unforeseen(found: _Found) -> str:
    return f"not accepted: {found.details['msg']}"


_MAPPING = _expected('a mapping ("key: value" lines)')
_WHOLE_NUMBER_PROBLEMS = ("int_type", "int_from_float", "int_parsing", "int_parsing_size")

_WORDED: dict[str, Callable[[_Found], str]] = {
    **dict.fromkeys(_WHOLE_NUMBER_PROBLEMS, _int),
    "bool_type": _bool,
    "string_type": _string,
    "string_pattern_mismatch": _expected("a name of letters, digits, dots, - and _"),
    "string_too_long": lambda found: f"longer than {found.details['ctx']['max_length']} characters",
    "float_type": _expected("a number"),
    "tuple_type": _expected("a list"),
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _union_mapping,
    "too_short": lambda _: "needs at least one entry",
    "literal_error": _choice,
    "missing": _missing,
    "extra_forbidden": _extra,
    "union_tag_invalid": _unknown_tag,
    "union_tag_not_found": _no_tag,
    "greater_than": _limit("more than", "gt"),
    "greater_than_equal": _limit("at least", "ge"),
    "less_than_equal": _limit("at most", "le"),
    "value_error": _raised,
}
