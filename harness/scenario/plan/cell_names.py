"""How cells are called: `redis[concurrency=4]/group-10,payload_bytes=1024/closed-8`.

A part is its kind, its main number, and whatever differs from the default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from harness.scenario.checks.faulty_loads import fault_words
from harness.scenario.files.kinds import CellWord
from harness.scenario.loads.registry import Load
from harness.scenario.models.messages import MessageOptions
from harness.scenario.plan.identity import without
from harness.scenario.plan.value_words import canonical, told_by_digest, value_word, words_of
from harness.scenario.workloads.amounts import Amount
from harness.scenario.workloads.registry import Workload


def load_label(load: Load, said: Collection[str] = ()) -> str:
    """`closed-8`, `rate-200`, `backlog`, without the fields that are `said` elsewhere."""
    label = _label(load, load.load, load.word, said)
    broken = fault_words(load)
    return f"{label},{broken}" if broken else label


def workload_label(workload: Workload, said: Collection[str] = ()) -> str:
    """`add`, `group-10`, `tracking-busy`, without the fields that are `said` elsewhere; or as the
    scenario calls it."""
    return workload.name or _label(workload, workload.workload, workload.word, said)


def _label(entry: BaseModel, kind: str, word: CellWord, said: Collection[str]) -> str:
    skipped = {"workload", "load", "loads", "measure", "faults", word.field, *word.also, *said}
    kind = value_word(word.kind) if word.kind else kind
    words = [kind if word.main is None or word.field in said else f"{kind}-{word.main}"]
    for name, field in type(entry).model_fields.items():
        value = getattr(entry, name)
        if isinstance(value, MessageOptions):
            words += value.words(said)
        elif name not in skipped and value != field.default:
            words.append(f"{name}={value_word(_plain(value))}")
    return ",".join(words)


def _plain(value: Any) -> Any:
    return value.word if isinstance(value, Amount) else value


# --- told apart ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class WorkName:
    """What a cell is called by behind its configuration."""

    workload: str
    load: str
    said: Sequence[Mapping[str, Any]]
    """Everything that tells workload, load and measuring plan (in this order) from others, by
    dotted names."""

    @property
    def label(self) -> str:
        """Workload and load in words: `add/closed-8`."""
        return f"{self.workload}/{self.load}"


def work_labels(names: Sequence[WorkName]) -> list[str]:
    """A label of its own for each. Those that would be alike say in what they differ:
    `heavy_task-text,n=a/closed-8`, `add/closed-8,timeout=5`."""
    alike: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        alike.setdefault(name.label, []).append(index)
    labels = [name.label for name in names]
    for places in alike.values():
        if len(places) > 1:
            told = _differing([names[place] for place in places])
            for place, label in zip(places, told, strict=True):
                labels[place] = label
    return told_by_digest(labels, [canonical(list(map(dict, name.said))) for name in names])


def _differing(names: Sequence[WorkName]) -> list[str]:
    """Fields are added until all differ; those of the measuring plan stand behind the load."""
    known: list[tuple[str, ...]] = [() for _ in names]
    added: list[list[list[str]]] = [[[], []] for _ in names]
    for part in range(len(names[0].said)):
        for field in dict.fromkeys(field for name in names for field in name.said[part]):
            values = [canonical(name.said[part].get(field)) for name in names]
            finer = [(*before, value) for before, value in zip(known, values, strict=True)]
            if len(set(finer)) == len(set(known)):
                continue
            known = finer
            distinct = {
                value: name.said[part].get(field) for value, name in zip(values, names, strict=True)
            }
            words = dict(zip(distinct, words_of(list(distinct.values())), strict=True))
            for place, value in enumerate(values):
                added[place][min(part, 1)].append(f"{field}={words[value]}")
    return [
        "/".join(",".join([label, *more]) for label, more in zip(labels, mores, strict=True))
        for labels, mores in zip(((one.workload, one.load) for one in names), added, strict=True)
    ]


def fields_said(entry: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """Fields of a workload, load or plan by dotted names, without those that are said elsewhere.
    Whole numbers are written as such: `5`, not `5.0`."""
    found: dict[str, Any] = {}
    of_entries = [name for name in left_out if isinstance(entry.get(name.partition(".")[0]), list)]
    for name, value in without(entry, of_entries).items():
        inner = value if name == "options" and isinstance(value, Mapping) else None
        for field, one in (inner or {}).items():
            found[f"{name}.{field}"] = one
        if inner is None:
            found[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return {
        name: value
        for name, value in found.items()
        if not any(name == one or one.startswith(f"{name}.") for one in left_out)
    }
