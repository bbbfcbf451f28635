"""The drivers by the name that configurations use: which there are, the vendors' rows say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

from harness.errors import ServiceError
from harness.extras import needs
from harness.scenario.vendors.registry import DRIVERS, VENDORS
from harness.services.base import Driver


class _Drivers(Mapping[str, Driver[Any]]):
    """Imports a driver when it is asked for: botocore alone takes a tenth of a run's start."""

    def __init__(self) -> None:
        self._made: dict[str, Driver[Any]] = {}

    def __getitem__(self, name: str) -> Driver[Any]:
        if name not in self._made:
            module, _, class_ = DRIVERS[name].partition(":")
            try:
                self._made[name] = cast(Driver[Any], getattr(import_module(module), class_)())
            except Exception as error:  # a plug-in's may raise anything
                clients = VENDORS[name].clients
                if lacking := needs(name, clients.extra, *clients.of_the_driver):
                    raise ServiceError(lacking) from None
                what = f"{type(error).__name__}: {error}"
                raise ServiceError(
                    f"the driver of {name}, {DRIVERS[name]}, cannot be loaded: {what}"
                ) from error
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(DRIVERS)

    def __len__(self) -> int:
        return len(DRIVERS)


def drivers() -> Mapping[str, Driver[Any]]:
    """`service:` in a configuration -> its driver."""
    return _Drivers()
