"""Which app a name means: what `celery -A NAME` would take, in the same order."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from celery import Celery


class NoAppError(Exception):
    """The name does not lead to an app; the message says why."""


def find_app(name: str) -> tuple[Celery, str]:
    """The app that `package.module:attribute`, `package.module.attribute`, `package.module` or
    `package` means (celery/app/utils.py, find_app), and its name with a colon.

    Of a module it is `app`, `celery`, what the package's own module `celery` has, or any other
    app. Where Celery would take whatever is called `app`, a Flask app say, what is no Celery app is
    passed over. NoAppError, or whatever the imported code raises.
    """
    module_name, colon, attribute = name.partition(":")
    module, inside = _imported(module_name)
    attribute = attribute or inside
    found: Any = module
    for part in attribute.split(".") if attribute else ():
        if not hasattr(found, part):
            raise NoAppError(f"{module.__name__} has no {attribute}{_apps_in(module)}")
        found = getattr(found, part)
    if isinstance(found, Celery):
        return found, f"{module.__name__}:{attribute}"
    if (colon and attribute) or not isinstance(found, ModuleType):
        raise NoAppError(f"{name} is no Celery app, but {type(found).__name__}")
    for place, called in _apps(found):
        return getattr(place, called), f"{place.__name__}:{called}"
    raise NoAppError(f"{module_name} has neither app nor celery: write {module_name}:NAME")


def _imported(name: str) -> tuple[ModuleType, str]:
    """The module of a dotted name; else that before its last dot, and what is looked for there."""
    try:
        return importlib.import_module(name), ""
    except ModuleNotFoundError as error:
        parent, _, last = name.rpartition(".")
        if error.name != name or not parent:
            raise
        module = importlib.import_module(parent)
        if hasattr(module, "__path__") and not hasattr(module, last):
            raise  # a package has modules: that one is not there
        return module, last


def _apps(module: ModuleType) -> Iterator[tuple[ModuleType, str]]:
    """The apps of a module, by place and name."""
    inner = [*_inner(module)]
    for place in (module, *inner):
        for name in ("app", "celery"):
            if isinstance(getattr(place, name, None), Celery):
                yield place, name
    for place in (*inner, module):
        for name, value in [*vars(place).items()]:
            if isinstance(value, Celery):
                yield place, name


def _inner(module: ModuleType) -> Iterator[ModuleType]:
    """`shop` may mean what lies in shop/celery.py."""
    name = f"{module.__name__}.celery"
    if hasattr(module, "__path__") and importlib.util.find_spec(name) is not None:
        yield importlib.import_module(name)


def _apps_in(module: ModuleType) -> str:
    """What was probably meant."""
    names = [name for name, value in vars(module).items() if isinstance(value, Celery)]
    return f"; its apps: {', '.join(names)}" if names else ""
