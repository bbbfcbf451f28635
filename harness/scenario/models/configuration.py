"""A configuration as a frozen value: what is under test."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from harness.scenario.files.fields import Frozen, Items, Name, QueueName
from harness.scenario.files.wording import shown
from harness.scenario.models.faults import Network
from harness.scenario.vendors.base import Endpoint, Provider
from harness.scenario.vendors.registry import BACKENDS, Backend, Broker, QueueForm

Pool = Literal["prefork", "threads", "gevent", "solo"]
_GROUP_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


def _group_name(text: str) -> str:
    if re.fullmatch(_GROUP_NAME, text) is None:
        raise ValueError(f"the name of a group has letters, digits, - and _, not {shown(text)}")
    return text


GroupName = Annotated[
    str,
    Field(max_length=32, json_schema_extra={"pattern": _GROUP_NAME}),
    AfterValidator(_group_name),
]
"""Stands in dotted paths, so it has no dots: `workers.fast.concurrency`."""
OTHER_FORM = {"worker": "workers", "workers": "worker"}
"""The two fields of a configuration that say which workers there are: one of them is given."""
DEFAULT_QUEUE = "celery"
"""Celery's default queue as a configuration calls it: in a block it has a name of the block's
own."""
ONLY_GROUP = "worker"
"""What the group of a configuration with `worker:` is called."""


def _number_or_auto(value: object) -> object:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"expected a whole number, or auto, not {shown(value)}")
    return value


Concurrency = Annotated[
    Annotated[int, Field(ge=1, le=1024)] | Literal["auto"], BeforeValidator(_number_or_auto)
]


class Worker(Frozen):
    """A group of Celery worker processes that are started alike."""

    pool: Pool = "prefork"
    concurrency: Concurrency = 2
    """Pool size of each worker process (`--concurrency`). `auto` (Celery 5.7): as many as there are
    cores to run on, of a prefork pool no more than the container's CPU quota lets it use."""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of worker processes, each started by Celery's own command."""
    options: Items[str] = ()
    """Further words for `celery worker`, for example `--without-gossip`."""
    queues: Items[QueueName] = ()
    """Queues that each worker of the group consumes (`--queues`); without, Celery's default one. Of
    several groups each has to say them."""

    @model_serializer(mode="wrap")
    def _without_empty(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """No word of queues where nothing was said of them: as it was before there were any."""
        fields: dict[str, Any] = serialize(self)
        return {name: one for name, one in fields.items() if name != "queues" or one}


def _known_requirement(text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"not a requirement such as kombu==5.7.0: {reason}") from error
    return text


Pin = Annotated[str, AfterValidator(_known_requirement)]
"""A requirement as pip reads it, e.g. `kombu==5.7.0` or `redis<5`; no option of pip's."""


def _full_version(text: str) -> str:
    if re.fullmatch(r"\d+\.\d+\.\d+[a-z0-9.]*", text) is None:
        raise ValueError("expected a version in full, such as 5.3.1")
    return text


def _revision_name(text: str) -> str:
    if re.fullmatch(r"[^-\s]\S*", text) is None:
        raise ValueError("expected a git revision: a commit, a branch or a tag")
    return text


def _shell_words(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"cannot be read as a shell would: {error}") from error
    if not words:
        raise ValueError("expected words of pip install, such as -r requirements.txt")
    return text


class CelerySet(Frozen):
    """The Celery that clients and workers run, in a Python environment of its own or the
    user's."""

    name: Name | None = None
    """How tables call it, where it is a value of the matrix."""
    version: Annotated[str, AfterValidator(_full_version)] | None = None
    """Celery's version, e.g. `5.3.1`: with the kombu and client libraries of its time."""
    pins: Items[Pin] = ()
    """Requirements that replace the version's own, or add to them; without a version, all of
    them."""
    revision: Annotated[str, AfterValidator(_revision_name)] | None = None
    """A git revision of the project in the current folder: what its requirements install."""
    install: Items[Annotated[str, AfterValidator(_shell_words)]] = ()
    """How the revision is installed, where that is not to be found in its files: each in the words
    of one call of pip, such as `-r deploy/requirements.txt`, from the project's folder."""
    prepare: Items[Annotated[str, Field(min_length=1)]] = ()
    """Shell commands that are run in the revision's copy of the project before anything is
    measured, with its environment active; `$HARNESS_PROJECT` is the folder itself."""
    python: Annotated[str, Field(min_length=1)] | None = None
    """An interpreter, or the folder of a virtual environment: clients and workers run there, with
    what is installed. Relative to the file that says it; of a plan, to the scenario's."""

    @model_validator(mode="after")
    def _one_source(self) -> CelerySet:
        named = {canonicalize_name(Requirement(pin).name) for pin in self.pins}
        if self.revision is not None and (self.version is not None or self.pins):
            raise ValueError("a revision brings requirements of its own: give it alone")
        if self.revision is None and (self.install or self.prepare):
            raise ValueError("install and prepare are about a revision: name one")
        if self.python is not None:
            if self.version is not None or self.pins or self.revision is not None:
                raise ValueError("python names an environment that is there: give it alone")
            return self
        if self.version is not None and "celery" in named:
            raise ValueError("celery is pinned twice: give version, or celery among the pins")
        if self.revision is None and self.version is None and "celery" not in named:
            raise ValueError("which Celery? give version, celery among the pins, or python")
        return self


def _version_written_out(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError('a version stands in quotes, such as "5.3.1": without, it is a number')
    return {"version": value} if isinstance(value, str) else value


CeleryEntry = Annotated[
    CelerySet, BeforeValidator(_version_written_out, json_schema_input_type=CelerySet | str)
]
"""As it stands in a file: a mapping, or just the version."""


EndName = Literal["broker", "backend"]
END_NAMES: tuple[EndName, ...] = ("broker", "backend")
"""The fields of a configuration that name a server."""


class Configuration(Frozen):
    """What is under test: broker, backend, Celery settings and workers. One file in `configs/`."""

    name: Name
    """Stands in every table and record; equal to the file's name without its ending."""
    description: str = ""
    broker: Broker
    backend: Backend
    settings: dict[str, Any] = {}
    """Celery settings by their real (lower-case) names."""
    queues: dict[QueueName, QueueForm] = {}
    """What queues may have, by their names, where it is more than being there; as the broker's
    vendor has it. Or `from_app: true`, alone: queues and routes of an app of your own are kept."""
    worker: Worker = Worker()
    """The workers, where all are alike."""
    workers: dict[GroupName, Worker] = {}
    """Groups of workers by their names, instead of `worker`."""
    celery: CeleryEntry | None = None
    """Which Celery clients and workers run; without it, the one the harness is installed with."""
    network: Network | None = None
    """Slows the connections to broker or backend down; without it they are direct."""

    @model_serializer(mode="wrap")
    def _one_form(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Of the two forms only the one that was given is kept, and no word of queues where nothing
        was said of them."""
        fields: dict[str, Any] = serialize(self)
        unused = {"worker" if fields.get("workers") else "workers"}
        if not fields.get("queues"):
            unused.add("queues")
        return {name: one for name, one in fields.items() if name not in unused}

    @property
    def groups(self) -> Mapping[str, Worker]:
        """The groups of workers by their names, in the order of the file: workers are numbered over
        all of them, from 1. One called `worker` where the file has `worker:`, or neither."""
        return self.workers or {ONLY_GROUP: self.worker}

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The kinds of pool of its groups, each once, in the order of the file."""
        return tuple(dict.fromkeys(group.pool for group in self.groups.values()))

    @property
    def worker_count(self) -> int:
        """Worker processes of all groups."""
        return sum(group.count for group in self.groups.values())


def group_of(configuration: Configuration, number: int) -> Worker | None:
    """The group of a worker, whose number counts from 1 over all groups; None beyond the last."""
    everybody = [group for group in configuration.groups.values() for _ in range(group.count)]
    return everybody[number - 1] if 1 <= number <= len(everybody) else None


def groups_of(config: Mapping[str, Any]) -> Mapping[str, Worker]:
    """`Configuration.groups` of a configuration as a record holds it, of whatever version. Where it
    says nothing of workers, one group by default: see `says_groups`."""
    workers = config.get("workers") or {ONLY_GROUP: config.get("worker") or {}}
    return {name: Worker.model_validate(_known(group)) for name, group in workers.items()}


def says_groups(config: Mapping[str, Any]) -> bool:
    """Whether a configuration as a record holds it says anything of its workers."""
    return any(form in config for form in OTHER_FORM)


def _known(group: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields of a later version."""
    return {field: value for field, value in group.items() if field in Worker.model_fields}


def keeps_results(backend: str, settings: Mapping[str, Any]) -> bool:
    """Whether anybody can ask for results, by the backend's service and Celery's settings. One that
    is not known here, in a stored run, is believed to keep them."""
    row = BACKENDS.get(backend)
    return (row is None or row.results) and settings.get("task_ignore_result") is not True


def provided(configuration: Configuration, provider: Provider | None) -> Configuration:
    """As it is run where the command line says who runs its servers (None: it does not)."""
    if provider is None:
        return configuration
    changes = {
        role: end.model_copy(update={"provider": provider})
        for role, end in (("broker", configuration.broker), ("backend", configuration.backend))
        if isinstance(end, Endpoint)
    }
    return configuration.model_copy(update=changes)
