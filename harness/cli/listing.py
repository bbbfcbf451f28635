"""`harness list`: what there is to run, and the words for it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
from pydantic.fields import FieldInfo

from harness import shipped
from harness.errors import InvalidInput
from harness.extras import there
from harness.figures.figure import Within
from harness.figures.table import FIGURES, OF_ONE_ONLY
from harness.plugins import GROUPS, plugins
from harness.results.diagnoses import DIAGNOSES, plugged_in
from harness.scenario.files.kinds import kinds
from harness.scenario.files.yaml12 import shown_path
from harness.scenario.loads.registry import Load
from harness.scenario.models.messages import MessageOptions
from harness.scenario.plan.finding import SUFFIXES, Found, every
from harness.scenario.plan.loader import load_configuration, load_scenario
from harness.scenario.settings.planned import Planned, planned
from harness.scenario.vendors.registry import BACKENDS, BROKERS, VENDORS, refusal
from harness.scenario.workloads.registry import Workload

_MOST_WIDE = 46
_INVALID = "(invalid: see harness check)"
_OF_EVERY_KIND = ("name", "loads", "measure")
"""Fields that every workload may have, and whose values say nothing of its units."""


def _configurations() -> list[Sequence[str]]:
    head = ("CONFIGURATION", "BROKER", "BACKEND", "WORKERS", "NEEDS", "FROM", "DESCRIPTION")
    rows: list[Sequence[str]] = [head]
    for found in every("configs"):
        try:
            one = load_configuration(found.path)
        except InvalidInput:
            rows.append((found.name, "", "", "", "", _whose(found), _INVALID))
            continue
        groups = planned(one)
        workers = ", ".join(_workers(name, group, len(groups)) for name, group in groups.items())
        services = (one.broker.service, one.backend.service)
        needs = _extras(*services, *(group.pool for group in groups.values()))
        rows.append((found.name, *services, workers, needs, _whose(found), one.description))
    return rows


def _extras(*names: str) -> str:
    """`[sqs]`, by which pip installs what services and pools need beside the base, and whether
    that is here."""
    wanted = [VENDORS[name].clients.extra for name in names if name in VENDORS]
    wanted += ["gevent" for name in names if name == "gevent"]
    known = there()
    found = dict.fromkeys(name for name in wanted if name)
    return ", ".join(f"[{name}]{'' if known.get(name, True) else ' (not here)'}" for name in found)


def _whose(found: Found) -> str:
    if found.is_shipped:
        return "shipped"
    return shown_path(found.path) + (", before the shipped" if found.shadows else "")


def _workers(name: str, plan: Planned, groups: int) -> str:
    """`2 x prefork-4`; of several groups `fast 2 x prefork-4`."""
    least = "" if plan.least_concurrency == plan.concurrency else f"{plan.least_concurrency}.."
    each = f"{plan.count} x {plan.pool}-{least}{plan.concurrency}"
    return f"{name} {each}" if groups > 1 else each


def _scenarios() -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("SCENARIO", "CONFIGURATIONS", "FROM", "QUESTION")]
    for found in every("scenarios"):
        try:
            one = load_scenario(found.path)
        except InvalidInput:
            rows.append((found.name, "", _whose(found), _INVALID))
            continue
        named = ", ".join(_called(entry, found) for entry in one.configurations)
        rows.append((found.name, named, _whose(found), one.question))
    return rows


def _called(entry: str, scenario: Found) -> str:
    """A configuration by the name it is found by, where a scenario names its file."""
    if not entry.endswith(SUFFIXES):
        return entry
    path = Path(os.path.normpath(scenario.path.absolute().parent / entry))
    folders = (scenario.path.absolute().parents[1] / "configs", shipped.folder("configs"))
    within = [path.relative_to(one) for one in folders if path.is_relative_to(one)]
    return within[0].with_suffix("").as_posix() if within else entry


def _workloads() -> list[Sequence[str]]:
    return [("WORKLOAD", "FIELDS AND DEFAULTS", "ONE UNIT"), *_kinds_table(Workload, "workload")]


def _loads() -> list[Sequence[str]]:
    return [("LOAD", "FIELDS AND DEFAULTS", "HOW UNITS ARRIVE"), *_kinds_table(Load, "load")]


def _backends() -> list[Sequence[str]]:
    """Broker x backend, and what each backend can do."""
    head = ("BACKEND", *BROKERS, "RESULTS", "GROUPS", "CHORDS", "DELIVERY", "EXPIRED BY", "NEEDS")
    rows: list[Sequence[str]] = [head]
    for name, row in BACKENDS.items():
        works = (_yes(refusal(broker, name) is None) for broker in BROKERS)
        abilities = (_yes(able) for able in (row.results, row.joins, row.chords))
        expiry = _EXPIRY[row.expiry]
        needs = _extras(name)
        if row.brokers:
            needs = f"broker {' or '.join(row.brokers)}"
        rows.append((name, *works, *abilities, row.delivery, expiry, needs))
    return rows


def _yes(able: bool) -> str:
    return "yes" if able else "no"


_EXPIRY: Mapping[str, str] = {
    "server": "server",
    "rabbitmq": "RabbitMQ; on Redis nobody",
    "cleanup": "celery beat",
    "ttl": "server, by ttl",
    "never": "nobody",
    "": "",
}
"""Who removes results that are older than `result_expires`."""


def _diagnoses() -> list[Sequence[str]]:
    rows = [(one.code, one.looks_at) for one in (*DIAGNOSES, *plugged_in().values())]
    return [("DIAGNOSIS", "WHAT PROVES IT (MORE: harness docs diagnoses)"), *rows]


def _metrics() -> list[Sequence[str]]:
    """What gates and histories can be asked; times take a statistic."""
    rows: list[Sequence[str]] = [
        ("METRIC", "UNIT", "BETTER", "WHAT IT IS (MORE: harness docs figures)")
    ]
    for row in FIGURES:
        name = f"{row.name}.p99" if row.distribution else row.name
        rows.append((name, row.unit, row.better, row.what))
    rows += _metrics_within("task", "the same of one task of a mix")
    rows += _metrics_within("queue", "the same of one queue")
    rows += _metrics_within("group", "the same of one group of workers")
    return rows


def _metrics_within(within: Within, same: str) -> Iterator[Sequence[str]]:
    """Those that single tasks, queues or groups have: of the whole, too, or alone."""
    for row in (*FIGURES, *OF_ONE_ONLY):
        if row.path_within(within):
            which = f"{within}=NAME"
            one = f"p99({row.name}, {which})" if row.distribution else f"{row.name}({which})"
            yield one, row.unit, row.better, row.what if row in OF_ONE_ONLY else same


def _plugins() -> list[Sequence[str]]:
    found = [one for group in GROUPS for one in plugins(group).values()]
    rows = [(one.name, str(one.group), one.package) for one in found]
    return [
        ("PLUG-IN", "GROUP", "PACKAGE"),
        *(rows or [("(none)", "", "see harness docs plugins")]),
    ]


TOPICS: Mapping[str, Callable[[], list[Sequence[str]]]] = {
    "configurations": _configurations,
    "scenarios": _scenarios,
    "workloads": _workloads,
    "loads": _loads,
    "backends": _backends,
    "diagnoses": _diagnoses,
    "metrics": _metrics,
    "plugins": _plugins,
}


@click.command("list", epilog="Example: harness list configurations")
@click.argument("topic", required=False, type=click.Choice(list(TOPICS)))
def command(topic: str | None) -> None:
    """Show configurations, scenarios, workloads, loads, backends, diagnoses, metrics, plug-ins.

    All of them without TOPIC.
    """
    chosen = [TOPICS[topic]] if topic else list(TOPICS.values())
    click.echo("\n\n".join(_table(rows()) for rows in chosen))


def _kinds_table(union: Any, key: str) -> Iterable[Sequence[str]]:
    for model in kinds(union):
        fields = model.model_fields
        name = fields[key].annotation.__args__[0]  # type: ignore[union-attr] # a Literal of one
        shown = [
            _default(field, info)
            for field, info in fields.items()
            if field not in (key, *_OF_EVERY_KIND)
        ]
        sentence = " ".join((model.__doc__ or "").split())
        yield name, " ".join(shown), sentence.replace("`", "")


def _default(field: str, info: FieldInfo) -> str:
    """`size=2`; `app` alone where it has to be given, `x=-` where it may be left out."""
    if info.is_required():
        return field
    if info.default in (None, MessageOptions(), {"unchecked": True}, {}, ()):
        return f"{field}=-"
    words = info.default if isinstance(info.default, tuple) else (info.default,)
    return f"{field}={','.join(map(str, words))}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces between them; long cells are wrapped."""
    wrapped = [
        [
            textwrap.wrap(cell, _MOST_WIDE, break_long_words=False, break_on_hyphens=False) or [""]
            for cell in row
        ]
        for row in rows
    ]
    widths = [
        max(len(line) for cell in column for line in cell) for column in zip(*wrapped, strict=True)
    ]
    lines = (
        "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for row in wrapped
        for parts in zip_longest(*row, fillvalue="")
    )
    return "\n".join(lines)
