"""Which packages make up a version of Celery: the sets that are known to run, and what they need.

A version alone is no environment: today's pip gives Celery 5.3.1 the newest kombu and redis-py,
and the worker ends on `import packaging`. So a version stands for the libraries of its time. Some
of these do not run on a Python that came out later: there the oldest that does takes its place, and
where none does, the set is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import Version

from harness.scenario.models.configuration import CelerySet, Configuration
from harness.scenario.settings.serializers import libraries_of
from harness.scenario.vendors.registry import VENDORS

MEASURED = (
    *("celery", "kombu", "billiard", "vine"),
    *dict.fromkeys(name for vendor in VENDORS.values() for name in vendor.clients.packages),
    "gevent",
)
"""Whatever of these packages is installed decides how fast a client or worker is."""


@dataclass(frozen=True)
class KnownSet:
    """One version of Celery with its companions."""

    pins: tuple[str, ...]
    why: str


KNOWN: Mapping[str, KnownSet] = {
    "5.3.1": KnownSet(
        ("kombu==5.3.1", "amqp==5.1.1", "vine==5.0.0", "billiard==4.1.0", "redis==4.6.0"),
        "the tutorial's version, with what was current when it came out (June 2023)",
    ),
    "5.4.0": KnownSet(
        ("kombu==5.3.7", "amqp==5.2.0", "vine==5.1.0", "billiard==4.2.0", "redis==5.0.4"),
        "the only 5.4; there was no kombu 5.4 yet (April 2024)",
    ),
    "5.5.3": KnownSet(
        ("kombu==5.5.4", "amqp==5.3.1", "vine==5.1.0", "billiard==4.2.1", "redis==5.2.1"),
        "the last 5.5; its kombu takes redis-py up to 5.2.1",
    ),
    "5.6.3": KnownSet(
        ("kombu==5.6.2", "amqp==5.3.1", "vine==5.1.0", "billiard==4.2.4", "redis==6.4.0"),
        "the last 5.6; its kombu takes redis-py up to 6.4",
    ),
    "5.7.0": KnownSet(
        ("kombu==5.7.0", "amqp==5.4.2", "vine==5.1.0", "billiard==4.3.2", "redis==8.1.0"),
        "the newest when this table was written",
    ),
}
"""Version -> all that decides how fast it is, pinned: two machines with the same Python build the
same."""


@dataclass(frozen=True)
class Floor:
    """The oldest release of a package that runs on a Python and on later ones."""

    package: str
    python: tuple[int, int]
    version: str
    why: str
    """What an older one does there. Each was tried, by a worker that answered or did not."""
    usable: bool = False
    """An older one answers all the same: who pins it gets it, but no known set does."""


FLOORS = (
    Floor("celery", (3, 11), "5.0", "it imports inspect.formatargspec, which is gone"),
    Floor("celery", (3, 12), "5.3.0", "it reads entry points in a way that is gone"),
    Floor("kombu", (3, 12), "5.3.3", "pool processes keep their parent's connections", True),
    Floor("billiard", (3, 13), "4.2.1", "it calls logging._acquireLock, which is gone"),
)

_KOMBU_OF: Mapping[str, str] = {
    "5.0": "kombu~=5.0.0",
    "5.1": "kombu~=5.1.0",
    "5.2": "kombu~=5.2.0",
    "5.3": "kombu~=5.3.0",
    "5.4": "kombu~=5.3.0",
    "5.5": "kombu~=5.5.0",
    "5.6": "kombu~=5.6.0",
    "5.7": "kombu~=5.7.0",
}
_REDIS_OF: Mapping[str, str] = {
    "5.0": "redis<4",
    "5.1": "redis<4",
    "5.2": "redis<5",
    "5.3": "redis<5",
    "5.4": "redis<5.1",
    "5.5": "redis<=5.2.1",
    "5.6": "redis<6.5",
}
"""For the other versions of a minor series: bounds, within which pip takes the newest."""


Python = tuple[int, int]
_OLDEST: Python = (3, 11)
"""That the harness runs on."""
HERE: Python = (sys.version_info[0], sys.version_info[1])
"""The harness' own Python, which every environment gets."""


def requirements(
    celery: CelerySet, configuration: Configuration, python: Python = HERE
) -> tuple[str, ...]:
    """What pip is to install for a configuration, beside what a git revision brings."""
    named = _by_name(celery.pins)
    if celery.version is not None:
        companions = _companions(celery.version, python)
        named = _by_name([f"celery=={celery.version}", *companions]) | named
    return tuple((_by_name(_clients(configuration)) | named).values())


def celery_version(celery: CelerySet | None) -> str | None:
    """Which Celery it is, where the file says so: by its version, or by a pin of just one."""
    if celery is None or celery.version is not None:
        return None if celery is None else celery.version
    pinned = _by_name(celery.pins).get("celery")
    exact = [one for one in Requirement(pinned).specifier if one.operator == "=="] if pinned else []
    return exact[0].version if len(exact) == 1 and exact[0].version[:1].isdigit() else None


def _companions(version: str, python: Python) -> tuple[str, ...]:
    if version in KNOWN:
        return companions(version, python)
    minor = ".".join(version.split(".")[:2])
    return tuple(table[minor] for table in (_KOMBU_OF, _REDIS_OF) if minor in table)


def companions(version: str, python: Python = HERE) -> tuple[str, ...]:
    """The pins of a known version: of its time, or the oldest that run on that Python."""
    pins = []
    for pin in KNOWN[version].pins:
        floor = _broken(pin, python)
        pins.append(pin if floor is None else f"{floor.package}=={floor.version}")
    return tuple(pins)


def refusals(celery: CelerySet, python: Python = HERE) -> list[tuple[str, str]]:
    """What of a set can run on no account on that Python: its field, and what to do instead."""
    asked = [("pins", pin) for pin in celery.pins]
    if celery.version is not None:
        asked.insert(0, ("version", f"celery=={celery.version}"))
    refused = [(field, cannot_run(pin, python)) for field, pin in asked]
    return [(field, why) for field, why in refused if why is not None]


def cannot_run(pin: str, python: Python = HERE) -> str | None:
    """The reason why nothing that a requirement admits runs on that Python, and what to do instead;
    None if something does."""
    floor = _broken(pin, python)
    return None if floor is None or floor.usable else _refusal(pin, floor, python)


def _broken(pin: str, python: Python) -> Floor | None:
    """The highest floor that every release stays below which a requirement admits."""
    return max(_missed(pin, python), key=lambda floor: Version(floor.version), default=None)


def _missed(pin: str, python: Python) -> list[Floor]:
    wanted = Requirement(pin)
    name = canonicalize_name(wanted.name)
    floors = [one for one in FLOORS if one.package == name and one.python <= python]
    return [one for one in floors if any(_below(spec, one) for spec in wanted.specifier)]


def _below(spec: Specifier, floor: Floor) -> bool:
    """Whether all that one part of a requirement admits is older: `==4.1.0`, `<4.2`, `~=4.1.0`."""
    bound = Version(floor.version)
    if spec.operator == "<":
        return Version(spec.version) <= bound
    if spec.operator == "~=" or (spec.operator == "==" and spec.version.endswith(".*")):
        series = Version(spec.version.removesuffix(".*")).release
        series = series[:-1] if spec.operator == "~=" else series
        return series < bound.release[: len(series)]
    return spec.operator in ("<=", "==") and Version(spec.version) < bound


def _refusal(pin: str, floor: Floor, python: Python) -> str:
    written = ".".join(map(str, python))
    if floor.package == "celery":
        known = ", ".join(
            version for version in KNOWN if Version(version) >= Version(floor.version)
        )
        instead = f"take {floor.version} or newer ({known} are known to run)"
    else:
        instead = f"take {floor.package}=={floor.version} or newer, or leave the pin out"
    major, minor = min(one.python for one in _missed(pin, python))
    if (major, minor) > _OLDEST:
        instead += f", or run the harness under Python {major}.{minor - 1}"
    return f"{pin} does not run on Python {written}: {floor.why}; {instead}"


def _clients(configuration: Configuration) -> tuple[str, ...]:
    """What the configuration needs beside Celery, of whatever version pip finds to fit."""
    # Redis' always: the known sets pin it, whatever they are used with.
    services = ("redis", configuration.broker.service, configuration.backend.service)
    needed = [one for name in services for one in VENDORS[name].clients.requirements]
    if any(group.pool == "gevent" for group in configuration.groups.values()):
        needed.append("gevent")
    needed += libraries_of(configuration.settings)
    return tuple(needed)


def _by_name(pins: Iterable[str]) -> dict[str, str]:
    return {canonicalize_name(Requirement(pin).name): pin for pin in pins}


def title(celery: CelerySet) -> str:
    """The set's name for a line of progress or a table."""
    if celery.revision is not None:
        return f"revision {celery.name or celery.revision}"
    if celery.name is not None:
        return celery.name
    if celery.python is not None:
        return f"python {celery.python}"
    words = [] if celery.version is None else [f"celery {celery.version}"]
    return ", ".join([*words, *celery.pins])
