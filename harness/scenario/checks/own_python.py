"""An environment of the user's own, `celery: {python: ...}`: where it is, and what it lacks.

Nothing is installed there. Whoever runs a scenario has it asked what it has, before any server is
started.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.environments.asking import Installed, installed_in
from harness.environments.building import BuildError
from harness.scenario.checks.groups import group_places
from harness.scenario.files.document import Conflict, Document
from harness.scenario.files.unknown import as_far_as_known
from harness.scenario.models.configuration import END_NAMES, Configuration, Worker
from harness.scenario.settings.celery_sets import MEASURED, cannot_run
from harness.scenario.settings.celery_since import minor_of
from harness.scenario.vendors.registry import BROKERS, VENDORS

_PLACE = ("celery", "python")
_OLDEST_PYTHON = (3, 9)
_OLDEST_CELERY = (5, 2)
_AUTO_CONCURRENCY = (5, 7)
_OF_SERIALIZERS = {"msgpack": "msgpack", "yaml": "pyyaml"}
"""Module of a serializer -> what to install."""


def python_at(written: str, folder: Path) -> Path:
    """The interpreter that `python:` means, counted from a folder: links are not followed, as a
    virtual environment is known by its link."""
    told = os.path.expanduser(written)  # noqa: PTH111 - Path's own raises for an unknown ~user
    path = Path(os.path.normpath(folder.resolve() / told))
    return path / "bin" / "python" if path.is_dir() else path


def counted_from_scenario(document: Document, path: Path, scenario: Path) -> Document:
    """The document of a configuration, with its `python` counted from the scenario's file: so a
    record has it, which is alike in every checkout. On a command line it counts from here."""
    written = document.get(_PLACE)
    if not isinstance(written, str) or not written or written.startswith(("/", "~")):
        return document
    spot = document.spots[_PLACE]
    base = Path() if spot.value.file.startswith("--") else path.parent
    told = os.path.relpath(base.resolve() / written, scenario.parent.resolve())
    return document.placed(_PLACE, Document(told, {(): spot}))


def packages_there(written: str, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Version by name, Python's own among them: as a client tells them when it runs there."""
    found = installed_in(python_at(written, folder), environ, MEASURED)
    return {"python": ".".join(map(str, found.python)), **found.versions}


def missing_there(
    configuration: Configuration, folder: Path, environ: Mapping[str, str]
) -> Iterator[Conflict]:
    """What an environment of the user's own lacks for a configuration to run in it: a place in the
    file, and what to type. Nothing where the configuration has none. `folder`: the scenario's."""
    written = None if configuration.celery is None else configuration.celery.python
    if written is None:
        return
    python = python_at(written, folder)
    if not python.exists():
        yield _PLACE, _not_there(python)
        return
    try:
        found = installed_in(python, environ, MEASURED, _asked(), _transport(configuration))
    except BuildError as error:
        yield _PLACE, str(error)
        return
    if refused := _celery_refused(python, found):
        yield _PLACE, refused
        return
    yield from as_far_as_known(_missing_clients, configuration, python, found)
    for place, _, group in group_places(configuration):
        for field, message in as_far_as_known(_pool_refused, group, python, found):
            yield (*place, *field), message


def _asked() -> tuple[str, ...]:
    clients = dict.fromkeys(one for row in VENDORS.values() for one in row.clients.modules)
    return ("celery", "gevent", "pip", *_OF_SERIALIZERS, *clients)


def _transport(configuration: Configuration) -> str:
    """What kombu calls it; nothing where the broker is not known."""
    broker = [*as_far_as_known(lambda: [configuration.broker.service])]
    return BROKERS[broker[0]].schemes[0] if broker else ""


def _not_there(python: Path) -> str:
    if python.parent.name != "bin":
        named = "name the interpreter, or the virtual environment, that your project runs in"
        return f"there is no {python}: {named}"
    folder = python.parent.parent
    make = shlex.join(["python3", "-m", "venv", str(folder)])
    return f"there is no {python}: make it ({make}) and install what your project needs"


def _celery_refused(python: Path, found: Installed) -> str | None:
    """Why no client or worker can run there at all."""
    version = ".".join(map(str, found.python))
    if found.python < _OLDEST_PYTHON:
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        return f"{python} is Python {version}: clients and workers need {oldest} or newer"
    if "celery" not in found.modules:
        return _absent("celery", python, found, "celery")
    if found.trouble:
        return f"celery cannot be imported in {python}: {found.trouble}"
    celery = found.versions.get("celery", "")
    if celery and minor_of(celery) < _OLDEST_CELERY:
        oldest = ".".join(map(str, _OLDEST_CELERY))
        command = _install(python, found, f"celery>={oldest}")
        return f"{python} has celery {celery}, too old to be measured: {command}"
    pins = (f"{name}=={version}" for name, version in found.versions.items())
    two = (found.python[0], found.python[1])
    return next((f"{python}: {why}" for pin in pins if (why := cannot_run(pin, two))), None)


def _missing_clients(
    configuration: Configuration, python: Path, found: Installed
) -> Iterator[Conflict]:
    for role in END_NAMES:
        service = getattr(configuration, role).service
        clients = VENDORS[service].clients
        missing = [name for name in clients.modules if name not in found.modules]
        if missing:
            who = f"{role} {service} needs {' and '.join(missing)}"
            yield (role, "service"), f"{who}, {_absent('', python, found, *clients.requirements)}"
        elif role == "broker" and found.of_transport:
            command = _install(python, found, *clients.requirements)
            message = f"broker {service} cannot be reached from there ({found.of_transport})"
            yield (role, "service"), f"{message}: {command}"
    for name in ("task_serializer", "result_serializer", "event_serializer"):
        used = configuration.settings.get(name)
        if used in _OF_SERIALIZERS and used not in found.modules:
            yield ("settings", name), _absent(used, python, found, _OF_SERIALIZERS[used])


def _pool_refused(group: Worker, python: Path, found: Installed) -> Iterator[Conflict]:
    if group.pool == "gevent" and "gevent" not in found.modules:
        yield ("pool",), f"pool gevent needs gevent, {_absent('', python, found, 'gevent')}"
    celery = found.versions.get("celery", "")
    if group.concurrency == "auto" and celery and minor_of(celery) < _AUTO_CONCURRENCY:
        message = f"celery {celery} of {python} knows no concurrency auto: give a number"
        yield ("concurrency",), message


def _absent(what: str, python: Path, found: Installed, *requirements: str) -> str:
    words = f"{what} is not installed there" if what else "not installed there"
    return f"{words}: {_install(python, found, *requirements)}"


def _install(python: Path, found: Installed, *requirements: str) -> str:
    if "pip" in found.modules:
        return shlex.join([str(python), "-m", "pip", "install", *requirements])
    return shlex.join(["uv", "pip", "install", "--python", str(python), *requirements])
