"""Plug-ins: what other installed packages add to the harness, by entry points.

A package declares them in its `pyproject.toml`:

    [project.entry-points."celery_config_bench.exporters"]
    our-dashboard = "our_benchmarks.dashboard:as_dashboard"

Whoever has a registry asks here for what belongs to it, after its own rows. Nothing is imported
before it is used, and what goes wrong in a plug-in names it and its package. docs/plugins.md says
what each group takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

from harness.errors import PluginError

Group = Literal["drivers", "exporters", "diagnoses", "workloads"]
"""What can be plugged in; each is an entry point group `celery_config_bench.<group>`."""
GROUPS: tuple[Group, ...] = get_args(Group)
_NAMESPACE = "celery_config_bench"


@dataclass(frozen=True)
class Plugin:
    """Something of one name that an installed package offers. Not imported yet."""

    group: Group
    name: str
    package: str
    """Name and version of the distribution, as `pip list` has them."""
    point: EntryPoint

    def __str__(self) -> str:
        return f"plug-in {self.name} of {self.package} ({_NAMESPACE}.{self.group})"

    def load(self) -> Any:
        """What the entry point names. PluginError if it cannot be imported."""
        try:
            return self.point.load()
        except (Exception, SystemExit) as error:  # a module may end the process that imports it
            raise self.failed(error) from error

    def failed(self, error: BaseException) -> PluginError:
        """What to raise where the plug-in itself raised."""
        return PluginError(
            f"{self} failed: {type(error).__name__}: {error}. "
            "Ask those who made it, or uninstall the package"
        )


@cache
def plugins(group: Group) -> Mapping[str, Plugin]:
    """The plug-ins of a group by name, in the order of their names.

    PluginError where two packages offer the same name: which of them would win is chance.
    """
    found: dict[str, Plugin] = {}
    for point in sorted(entry_points(group=f"{_NAMESPACE}.{group}"), key=lambda one: one.name):
        made = Plugin(group, point.name, _package(point), point)
        if point.name in found and found[point.name].package != made.package:
            raise PluginError(f"{made} has the name of the {found[point.name]}: uninstall one")
        found[point.name] = made
    return found


def _package(point: EntryPoint) -> str:
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
