"""The workload `mix`: several of the harness' own workloads at once, by weight; and what all mixes
have in common, those of users' own tasks too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union, cast

from pydantic import BeforeValidator, Field, create_model, model_validator

from harness.probe.spoken import WorkloadSpec
from harness.scenario.files.document import Conflict, Location
from harness.scenario.files.fields import Frozen, Name, NonEmptyItems, QueueName
from harness.scenario.files.kinds import CellWord, name_of, or_bare_name
from harness.scenario.files.unknown import as_far_as_known, entries
from harness.scenario.files.wording import listed, shown
from harness.scenario.loads.base import LoadBase
from harness.scenario.models.configuration import Configuration
from harness.scenario.models.measure import Measure, MeasureOverride
from harness.scenario.models.messages import MessageOptions, PartOptions
from harness.scenario.workloads.base import KindOfUnit, WorkloadBase, WorkloadRow

_MOST_LABEL = 40


# --- what all mixes have in common --------------------------------------------------------------


class PartOfAMix(Frozen):
    """What the mix has to know of each of its parts."""

    name: Name | None = None
    """How reports call it, where a mix has the same twice."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many of the mix's units are of it, in proportion to the others' weights."""
    queue: QueueName | None = None
    """Short for `options: {queue: ...}`."""
    options: PartOptions = PartOptions()
    """Of its messages; what stands here wins over the options of the whole mix."""

    @model_validator(mode="after")
    def _one_queue(self) -> Self:
        if self.queue is not None and self.options.queue is not None:
            raise ValueError("queue stands here and in options: write it once")
        return self

    @property
    def label(self) -> str:
        """How reports call it."""
        raise NotImplementedError

    @property
    def asked(self) -> PartOptions:
        """Its options, with its queue."""
        if self.queue is None:
            return self.options
        return self.options.model_copy(update={"queue": self.queue})

    def queue_said(self, place: Location, whole: MessageOptions) -> tuple[Location, str | None]:
        """As `WorkloadBase.queues_said`, of this part at its place; `whole`: of the mix."""
        if self.queue is not None:
            return (*place, "queue"), self.queue
        if self.options.queue is not None:
            return (*place, "options", "queue"), self.options.queue
        return place if whole.queue is None else ("workload", "options", "queue"), whole.queue


def check_parts(whole: MessageOptions, parts: Sequence[PartOfAMix]) -> None:
    """ValueError where options of a part and of the whole mix do not go together, or two parts
    would be called the same."""
    for part in parts:
        if whole.in_turn and part.options.priority is not None:
            raise ValueError(
                f"{shown(part.label)} has a priority, and the mix has several in turn: give each "
                "entry its own"
            )
        if part.asked.above(whole).expire_first:
            raise ValueError(
                f"{shown(part.label)} would expire before its countdown is over: one of the two is "
                "the mix's"
            )
    labels = [part.label for part in parts]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(f'{shown(twice[0])} stands here twice: give each a "name:"')


def round_of(weights: Sequence[int]) -> int:
    """Units of a round, which holds every part as often as its weight says."""
    return sum(weights) // math.gcd(*weights)


def unmet_weights(
    weights: Sequence[int], place: Location, load: LoadBase, measure: Measure
) -> Iterator[Conflict]:
    """A block that ends before one round of each client is over: some part has less than its share
    there, or none."""
    planned, needed = load.planned_units(measure), round_of(weights)
    if 0 < planned < needed * load.clients:
        each = f" for each of {load.clients} clients" if load.clients > 1 else ""
        yield (
            place,
            f"a round of these weights has {needed:,} units{each}, and a block {planned:,.0f}: "
            "measure more, or give weights of a smaller sum",
        )


def first_calls(weights: Sequence[int], load: LoadBase, measure: Measure) -> int:
    """Parts that the first client's warm-up may leave out at most: each is called once then."""
    own = math.ceil(measure.warmup / load.clients)
    return max(0, min(len(weights) - (own > 0), round_of(weights) - own))


def short_name(kind: str, words: Sequence[str]) -> str:
    """`mix-resize+thumb`: the parts, as far as there is room."""
    for most in range(len(words), 0, -1):
        more = [str(len(words) - most)] if most < len(words) else []
        label = f"{kind}-{'+'.join([*words[:most], *more])}"
        if len(label) <= _MOST_LABEL:
            return label
    return label[:_MOST_LABEL]


# --- a part -------------------------------------------------------------------------------------


class Expected(Frozen):
    """What a part has to end with, where its workload would say something else."""

    raises: str | None = None
    """The name of the exception, such as `TimeLimitExceeded` ..."""
    message: str | None = None
    """... and what it has to say; without it, anything."""
    unchecked: Literal[True] | None = None
    """Any value will do."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Expected:
        if (self.raises is None) == (self.unchecked is None):
            raise ValueError("give {raises: NAME}, or {unchecked: true}")
        if self.message is not None and self.raises is None:
            raise ValueError("message is what an exception says: give raises, too")
        return self


def _of_the_whole(value: Any) -> Any:
    if value not in (None, MeasureOverride()):
        raise ValueError("loads and measure are the whole mix's: write it there")
    return value


class MixPart(PartOfAMix, WorkloadBase):
    """A part of a mix: a workload, with what the mix has to know of it."""

    units: ClassVar[str] = ""
    """As of its row."""

    expect: Expected | None = None
    """What it has to end with; without it, with what its workload says."""
    loads: Annotated[None, BeforeValidator(_of_the_whole)] = Field(default=None, exclude=True)
    """The whole mix's."""
    measure: Annotated[MeasureOverride, BeforeValidator(_of_the_whole)] = Field(
        default=MeasureOverride(), exclude=True
    )
    """The whole mix's."""

    @property
    def label(self) -> str:
        """How reports call it."""
        return self.name or self.workload


def may_be_a_part(model: type[WorkloadBase]) -> bool:
    """Whether each of a workload's units is one task, which anybody may wait for."""
    several = model.steps is not WorkloadBase.steps or model.joins or model.waits_for_header
    return model.part_of_mixes and not (several or model.fired_by_beat or model.past_batches)


# --- the workload -------------------------------------------------------------------------------


class MixWorkload(WorkloadBase):
    """Several workloads at once, by weight. Which part a unit is of follows from the run's seed and
    the unit's number."""

    not_prebuilt: ClassVar[str] = (
        "publish: prebuilt writes what all messages share, and the parts of a mix share nothing: "
        "use publish: api"
    )
    part_of_mixes: ClassVar[bool] = False
    kinds_of_parts: ClassVar[Mapping[str, type[MixPart]]] = {}
    """`workload:` of a part -> its model."""

    workload: Literal["mix"]
    if TYPE_CHECKING:
        parts: tuple[MixPart, ...]

    @model_validator(mode="after")
    def _go_together(self) -> MixWorkload:
        check_parts(self.options, self.parts)
        if len({part.heavy_step_s for part in self.parts} - {None}) > 1:
            raise ValueError(
                "parts have different sleeps of heavy_task, which takes its from the worker: give "
                "them the same, or use workload work"
            )
        for task in self.rate_limits:
            alike = [part for part in self.parts if getattr(part, "task", None) == task]
            if len({getattr(part, "rate_limit", None) for part in alike}) > 1:
                names = " and ".join(shown(part.label) for part in alike)
                raise ValueError(
                    f"{names} run one task, whose rate_limit holds for all of them: give each the "
                    "same"
                )
        return self

    @property
    def comes_again(self) -> bool:
        """Whether the tasks of any part do."""
        return any(part.comes_again for part in self.parts)

    @property
    def rate_limits(self) -> Mapping[str, str]:
        """Those of all parts."""
        return {task: rate for part in self.parts for task, rate in part.rate_limits.items()}

    @property
    def loses_processes(self) -> bool:
        """Whether the tasks of any part do."""
        return any(part.loses_processes for part in self.parts)

    @property
    def mixed(self) -> tuple[KindOfUnit, ...]:
        """The parts, with the options that hold for each: the mix's own, and above them what the
        part says."""
        return tuple(
            KindOfUnit(
                part.label,
                part.weight,
                part.asked.above(self.options),
                part.expect is not None and part.expect.unchecked is not None,
            )
            for part in self.parts
        )

    def _mean(self, amounts: Iterable[float]) -> float:
        weights = [part.weight for part in self.parts]
        weighted = sum(a * w for a, w in zip(amounts, weights, strict=True))
        return weighted / sum(weights)

    @property
    def calls(self) -> float:
        """In the mean of all units."""
        return self._mean(part.calls for part in self.parts)

    @property
    def least_run_s(self) -> float | None:
        """In the mean of all units."""
        known = [part.least_run_s for part in self.parts]
        return None if None in known else self._mean(one or 0.0 for one in known)

    @property
    def cpu_s(self) -> float:
        """In the mean of all units."""
        return self._mean(part.cpu_s for part in self.parts)

    @property
    def heavy_step_s(self) -> float | None:
        """As its parts say, all of them the same."""
        return next((s for part in self.parts if (s := part.heavy_step_s) is not None), None)

    @property
    def word(self) -> CellWord:
        """`mix-add+heavy_task`, and nothing but the options behind it."""
        kind = short_name("mix", [part.label for part in self.parts])
        return CellWord(kind=kind, also=type(self).model_fields)

    @property
    def largest_message_bytes(self) -> int:
        """Of the part with the largest."""
        return max(part.largest_message_bytes for part in self.parts)

    def payloads(self) -> Iterator[tuple[Location, int]]:
        """Of each part, at its place."""
        for place, part in self._placed():
            for where, size in part.payloads():
                yield (*place, *where[1:]), size

    def result_payloads(self) -> Iterator[tuple[Location, int]]:
        """Of each part, at its place."""
        for place, part in self._placed():
            for where, size in part.result_payloads():
                yield (*place, *where[1:]), size

    def options_said(self) -> Iterator[tuple[Location, MessageOptions]]:
        """Options of the whole and of each part, with the place of each."""
        yield ("workload", "options"), self.options
        for place, part in self._placed():
            yield (*place, "options"), part.asked

    def queues_said(self) -> Iterator[tuple[Location, str | None]]:
        """Of each part."""
        for place, part in self._placed():
            yield part.queue_said(place, self.options)

    def _placed(self) -> Iterator[tuple[Location, MixPart]]:
        for index, part in enumerate(self.parts):
            yield ("workload", "parts", index), part

    def conflicts(
        self, configuration: Configuration, load: LoadBase, measure: Measure
    ) -> Iterator[Conflict]:
        """What of each part cannot work, and weights that no block can meet."""
        yield from as_far_as_known(super().conflicts, configuration, load, measure)
        for index, part in enumerate(entries(self.parts)):
            for where, message in as_far_as_known(part.conflicts, configuration, load, measure):
                if where[0] == "workload":
                    yield ("workload", "parts", index, *where[1:]), message
                elif not load.fired_by_beat:  # that has been said of the whole
                    yield where, message
        yield from as_far_as_known(self._unmet, load, measure)

    def _unmet(self, load: LoadBase, measure: Measure) -> Iterator[Conflict]:
        weights = [part.weight for part in self.parts]
        yield from unmet_weights(weights, ("workload", "parts"), load, measure)

    def beyond_s(self, load: LoadBase, measure: Measure) -> float:
        """Seconds at most for the parts that warm-up may leave out, which are called once then."""
        weights = [part.weight for part in self.parts]
        own = sum(part.beyond_s(load, measure) for part in self.parts)
        return own + first_calls(weights, load, measure) * measure.timeout

    def for_clients(self) -> WorkloadSpec:
        """Each part as its workload tells it, with the options that hold for it."""
        told = []
        for part, kind in zip(self.parts, self.mixed, strict=True):
            expect = None if part.expect is None else part.expect.model_dump(exclude_none=True)
            more = {"units": part.units, "label": part.label, "weight": part.weight}
            options = kind.options.model_dump()
            told.append({**part.for_clients(), **more, "options": options, "expect": expect})
        return {"workload": self.workload, "steps": self.steps, "parts": told}


def _part_of(row: WorkloadRow) -> type[MixPart]:
    """A row's model as a part."""
    bases: tuple[type[MixPart], ...] = (MixPart, cast("type[MixPart]", row.model))
    units: Any = (ClassVar[str], row.units)
    return create_model(
        f"{row.model.__name__}Part",
        __base__=bases,
        __doc__=row.model.__doc__,
        units=units,
    )


def mix_of(rows: Sequence[WorkloadRow]) -> type[MixWorkload]:
    """The workload `mix` of those rows that may be parts of one."""
    usable = [row for row in rows if may_be_a_part(row.model)]
    names = [name_of(row.model, "workload") for row in usable]
    others = {name_of(row.model, "workload") for row in rows} - set(names) | {"mix"}
    parts = [_part_of(row) for row in usable]

    def refused(given: Any) -> Any:
        named = given.get("workload") if isinstance(given, dict) else given
        if isinstance(named, str) and named in others:
            how = ": your own tasks have a mix of theirs" if named == "task" else ""
            raise ValueError(f"{named} cannot be a part of a mix{how}; what can is {listed(names)}")
        return given

    union: Any = Annotated[Union[tuple(parts)], Field(discriminator="workload")]  # noqa: UP007
    entry: Any = Annotated[union, or_bare_name("workload", union), BeforeValidator(refused)]
    several: Any = NonEmptyItems
    known: Any = (ClassVar[Mapping[str, type[MixPart]]], dict(zip(names, parts, strict=True)))
    return create_model(
        "MixWorkload",
        __base__=MixWorkload,
        __doc__=MixWorkload.__doc__,
        kinds_of_parts=known,
        parts=(several[entry], ...),
    )
