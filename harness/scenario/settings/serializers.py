"""Serializers and compression: which a configuration uses, and what workers must accept for it.

Celery wants the same said several times: `task_serializer`, `result_serializer`, and in
`accept_content` that consumers may decode it. A matrix over serializers would need as many lists.
So where a configuration does not set `accept_content`, the harness adds the serializers it uses;
but never pickle, whose messages are programs: that has to be asked for by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from harness.extras import to_install
from harness.probe.spoken import CelerySettings
from harness.scenario.files.document import Conflict
from harness.scenario.files.wording import did_you_mean, listed, shown

_SERIALIZERS = ("task_serializer", "result_serializer", "event_serializer")
_COMPRESSIONS = ("task_compression", "result_compression")
_KNOWN_SERIALIZERS = ("json", "msgpack", "pickle", "yaml")
_KNOWN_COMPRESSIONS = ("gzip", "zlib", "bzip2", "bzip", "lzma", "xz", "brotli", "zstd", "zstandard")
_BY_TYPE: Mapping[str, str] = {
    "application/json": "json",
    "application/x-msgpack": "msgpack",
    "application/x-python-serialize": "pickle",
    "application/x-yaml": "yaml",
    "application/yaml": "yaml",
}
_NEAR_MISS = 0.75
_EXTRAS: Mapping[str, str] = {
    "msgpack": "msgpack",
    "zstd": "zstd",
    "zstandard": "zstd",
}

_ZSTD = ("zstandard", "backports.zstd; python_version < '3.14'")
_LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "msgpack": ("msgpack",),
    "yaml": ("pyyaml",),
    "zstd": _ZSTD,
    "zstandard": _ZSTD,
    "brotli": ("brotli",),
}

Settings = Mapping[str, Any]


def added_settings(settings: Settings) -> CelerySettings:
    """What the harness adds so that consumers accept what producers send."""
    used = [name for name in _used(settings).values() if name not in ("json", "pickle")]
    if not used or "accept_content" in settings:
        return {}
    return {"accept_content": list(dict.fromkeys(["json", *used]))}


def content_conflicts(settings: Settings) -> Iterator[Conflict]:
    """What cannot work, or is not to be used without having been asked for."""
    yield from _misspelt(settings)
    for setting, name in _used(settings).items():
        apart = setting == "result_serializer" and settings.get("result_accept_content") is not None
        accepting = "result_accept_content" if apart else "accept_content"
        if (message := _not_accepted(settings.get(accepting), name, accepting)) is not None:
            yield ("settings", setting), message


def content_installation(settings: Settings) -> Iterator[Conflict]:
    """Which of them this Python lacks. Imports kombu."""
    from kombu.compression import get_encoder  # noqa: PLC0415 - kombu takes a moment, so late
    from kombu.exceptions import KombuError  # noqa: PLC0415 - as above
    from kombu.serialization import dumps  # noqa: PLC0415 - as above

    for setting, name in _used(settings).items():
        try:
            dumps([], serializer=name)  # type: ignore[no-untyped-call]  # kombu is half typed
        except KombuError:
            yield ("settings", setting), _missing("serializer", name)
    for setting in _COMPRESSIONS:
        method = settings.get(setting)
        try:
            if isinstance(method, str):
                get_encoder(method)  # type: ignore[no-untyped-call]  # kombu is half typed
        except KeyError:
            yield ("settings", setting), _missing("compression", str(method))
    accepted = settings.get("accept_content")
    if "pickle" in _names(accepted) and os.geteuid() == 0 and not os.environ.get("C_FORCE_ROOT"):
        message = (
            "Celery's workers refuse pickle as root: run as another user, or set C_FORCE_ROOT=1"
        )
        yield ("settings", "accept_content"), message


def libraries_of(settings: Settings) -> list[str]:
    """Packages that an environment of its own needs for them; kombu's versions differ in zstd's."""
    used = {*_used(settings).values(), *(str(settings.get(name)) for name in _COMPRESSIONS)}
    needed = [library for name, library in _LIBRARIES.items() if name in used]
    return list(dict.fromkeys(one for libraries in needed for one in libraries))


def _used(settings: Settings) -> dict[str, str]:
    """Setting -> serializer, where it is not Celery's own default."""
    found = {name: settings.get(name) for name in _SERIALIZERS}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _names(accepted: object) -> frozenset[str]:
    """Serializers by name; lists may have content types as well."""
    listed_ = accepted if isinstance(accepted, list | tuple) else ()
    return frozenset(_BY_TYPE.get(str(one), str(one)) for one in listed_)


def _not_accepted(accepted: object, name: str, accepting: str) -> str | None:
    if accepted is None and name != "pickle":
        return None
    if name in _names(accepted):
        return None
    if name == "pickle":
        return (
            "pickle runs what a message says, so it has to be asked for: if you trust everybody who"
            f' can reach the broker, say "{accepting}: [json, pickle]" under "settings:"'
        )
    return f"nobody would accept {name}: add it to {accepting}"


def _misspelt(settings: Settings) -> Iterator[Conflict]:
    """Both are registries that programs may add to, so only near misses are errors."""
    tables = ((_SERIALIZERS, _KNOWN_SERIALIZERS), (_COMPRESSIONS, _KNOWN_COMPRESSIONS))
    for names, known in tables:
        for setting in names:
            value = settings.get(setting)
            if not isinstance(value, str) or value in known:
                continue
            if guess := did_you_mean(value, known, cutoff=_NEAR_MISS):
                yield ("settings", setting), f"{setting}: unknown {shown(value)}{guess}"


def _missing(kind: str, name: str) -> str:
    if name in _EXTRAS or name == "brotli":
        command = to_install(_EXTRAS[name]) if name in _EXTRAS else "pip install brotli"
        return f"{kind} {name} needs a library that is not installed: {command}"
    known = _KNOWN_SERIALIZERS if kind == "serializer" else _KNOWN_COMPRESSIONS
    return f"kombu has no {kind} {shown(name)}; known: {listed(known)}"
