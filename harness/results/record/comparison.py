"""Comparisons, verdicts and gates as values that a record can hold.

Computed in `stats`, worded in reports. A ratio is always head / base, signed so that above 1
is better: throughput head/base, latency base/head.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from harness.results.record.stored import Stored
from harness.scenario.models.compare import CompareDesign, ComparisonKind
from harness.scenario.models.scenario import EqualRate

Verdict = Literal[
    "regression", "improved", "no_change",
    "faster", "slower", "less", "more", "no_difference",
    "inconclusive",
]  # fmt: skip
"""The first line is of a change against its base, the second of alternatives side by side: `less`
and `more` of what is spent, as CPU. `results.judge.phrases` has their words."""
AHEAD: frozenset[Verdict] = frozenset(("improved", "faster", "less"))
BEHIND: frozenset[Verdict] = frozenset(("regression", "slower", "more"))


class Comparison(Stored):
    """One metric of one pair of cells, over pairs of blocks."""

    base: str
    """Name of the cell that is compared with."""
    head: str
    """Name of the cell that is compared."""
    kind: ComparisonKind = "change"
    metric: str
    """`throughput`, `latency.total.p50`, `worker_cpu` ..."""
    pairs: int
    """How many pairs of blocks count."""
    ratio: float | None = None
    """exp of the mean log ratio; above 1 is better. None below two pairs."""
    low: float | None = None
    high: float | None = None
    """The interval at `confidence`."""
    confidence: float = 0.95
    margin: float
    """Relative change that is let pass, e.g. 0.05."""
    verdict: Verdict
    smallest_effect: float | None = None
    """The smallest relative change that this many pairs of this spread could have found
    (power 80 %); what `inconclusive` has to be read with."""
    p_value: float | None = None
    """Two-sided, t test on log ratios."""
    q_value: float | None = None
    """The p value after control of the false discovery rate over all comparisons made together."""
    wilcoxon_p: float | None = None
    outliers: int = 0
    """Pairs beyond 3.5 median absolute deviations; counted, never dropped."""
    unsound: int = 0
    """Pairs, among those that count, one of whose blocks had a few lost, wrong, failed or
    duplicated units."""
    reason: str = ""
    """Why there is no verdict, in words, where there can be none."""
    smallest_regression: float | None = None
    """The smallest slowdown that this many pairs of this spread could have called a regression,
    beyond the margin (power 80 %)."""
    dropped: int = 0
    """Repetitions that do not count: one side has no figure, or no verdict can rest on it."""
    left_out: dict[str, int] = {}
    """Reason -> how many of the dropped pairs have it, whose blocks no verdict can rest on: see
    `comparability`."""
    judged: bool = True
    """False: shown beside the others, and no reason to fail."""
    own: bool = False
    """A figure of the tasks' functions, not of what the cell did as a whole."""
    task: str = ""
    """Which task of a mix it is of; empty: all."""
    base_value: float | None = None
    """Geometric mean over the base's blocks, in base units: seconds, per second."""
    head_value: float | None = None
    base_emulated: bool = False
    """The base ran on an emulator: nothing judges the comparison."""
    head_emulated: bool = False
    words: str = ""
    """The verdict and how much, in plain words: see `results.judge.phrases`."""

    @property
    def ahead(self) -> bool:
        """Whether the head is better than its base."""
        return self.verdict in AHEAD

    @property
    def behind(self) -> bool:
        """Whether the head is worse than its base; wrong it is only where that is a regression."""
        return self.verdict in BEHIND

    @property
    def is_regression(self) -> bool:
        """Whether it is a reason to fail: only a change against its base can be."""
        return self.judged and self.verdict == "regression"

    @property
    def emulated(self) -> bool:
        """Whether either side ran on an emulator."""
        return self.base_emulated or self.head_emulated


class GroupMean(Stored):
    """The geometric mean of a metric's ratios, over the workloads and loads of two variants."""

    base: str
    """A variant such as `redis[concurrency=2]`: a cell's name without workload and load."""
    head: str
    metric: str
    cells: int
    """Over how many pairs of cells; 2 or more."""
    ratio: float
    base_emulated: bool = False
    head_emulated: bool = False


StepVerdict = Literal["slower", "faster", "no_change", "inconclusive"]
"""`no_change`: the whole interval lies within the margin, to either side."""


class LayerStep(Stored):
    """What one exchanged layer did to a metric, or what all of them did together."""

    layer: str
    """`Celery`, `kombu`, `client library`; empty for all of them."""
    changes: tuple[str, ...] = ()
    """Packages of the layer as they ran: `redis 4.6.0 to 8.1.0`."""
    pairs: int
    ratio: float | None = None
    """Ratio of the figure after the exchange to that before it, above 1 is better, as in
    `Comparison`."""
    low: float | None = None
    high: float | None = None
    confidence: float
    """Confidence of the interval; the steps of a path share their error."""
    p_value: float | None = None
    q_value: float | None = None
    smallest_effect: float | None = None
    verdict: StepVerdict = "inconclusive"
    reason: str = ""
    """Why nothing can be said of the step, whatever the figures are."""


class LayerPath(Stored):
    """From one cell to another by exchanging one layer after the other; see `layers`."""

    base: str
    head: str
    metric: str
    steps: tuple[LayerStep, ...]
    """In the order of the exchange; their ratios multiply to that of `whole`."""
    whole: LayerStep


class PartedTwins(Stored):
    """Two cells that could not be up at once: the rest of their blocks was measured one after the
    other."""

    cells: tuple[str, str]
    """Names of base and head."""
    block: int
    """Number of the first block that was measured so."""
    reason: str


class DesignRecord(Stored):
    """How the two sides of a pair were measured: one after the other, or as twins, both up at once
    with their load put on in turns."""

    asked: CompareDesign
    """What the scenario says."""
    twins: tuple[tuple[int, int], ...]
    """Base and head of those that are twins, as indices of cells."""
    parted: tuple[PartedTwins, ...] = ()
    """Those that were to be twins and could not be."""


class TargetFigure(Stored):
    """What one figure of a comparison can find in time, by the noise of the first look."""

    head: str
    """Name of the cell that is compared with its base."""
    metric: str
    spread: float
    """Standard deviation of the log ratios of pairs."""
    sees: float
    """The smallest slowdown that is called a regression within the time (power 80 %)."""
    needs_pairs: int | None = None
    """How many pairs the target would take; None where there is no saying."""
    verdict: Verdict
    """At the first look."""


class TargetRecord(Stored):
    """Whether the slowdown that a scenario wants found can be found in its time, on this machine as
    it was at the first look; measuring went on either way, until there were verdicts."""

    effect: float
    """The slowdown that is to be found, e.g. 0.1."""
    within_s: float
    after_pairs: int
    """At how many pairs it was asked."""
    pair_s: float
    """Seconds that a pair took, of all comparisons together."""
    pairs: int
    """How many of them fit in the time."""
    figures: tuple[TargetFigure, ...]
    """Of every comparison that can have a verdict, but those of one task."""


class EqualRateRecord(EqualRate):
    """Of a cell of `harness ab`, as it is stored: speed is told at the scenario's own load, costs
    at one rate that both sides hold. Readers ignore fields they do not know."""

    model_config = ConfigDict(extra="ignore")


class ComparisonReport(Stored):
    """Comparisons that were made together, and that share a control of false discoveries."""

    run: str = ""
    """Run id, where both sides are of one run."""
    base: str
    """Run id, configuration, axis value or variant."""
    head: str
    kind: ComparisonKind = "change"
    """Of the same thing before and after, or of two that one may choose from. Records of versions
    that did not ask are told by what they compare: see `results.judge.kinds`."""
    comparisons: tuple[Comparison, ...]
    geometric_means: dict[str, float] = {}
    """Per metric, over all pairs of cells."""
    groups: tuple[GroupMean, ...] = ()
    """Geometric means per metric for each two variants that meet in several cells."""
    layers: tuple[LayerPath, ...] = ()
    """Which layer a difference between Celery versions comes from, where cells allow to say."""
    interleaved: bool
    """The blocks ran as mirrored pairs in one session; otherwise drift can pose as a change."""
    forced: bool = False
    """The environments differ, and the user asked to compare all the same."""
    environment_differences: tuple[str, ...] = ()
    configuration_differences: tuple[str, ...] = ()
    """What cells of the same name in two runs were measured with. Not refused, since it may be the
    very thing that is compared."""
    margin: float = 0.05
    looks: int = 1
    """How often the pairs could be looked at; the intervals' confidence allows for all of them."""
    out_of_time: bool = False
    """`compare.minutes` ended the measuring although a comparison was undecided."""
    equal_rates: tuple[EqualRateRecord, ...] = ()
    """Of the bases that `harness ab` measured at two loads: speed is told at the one, costs at the
    other."""
    target: TargetRecord | None = None
    """Where the scenario says which slowdown is to be found within which time."""
    design: DesignRecord | None = None
    """Where sides were measured as twins; None where none were."""
    rates_given: tuple[str, ...] = ()
    """Bases whose load says when units are due: their throughput is that, or what was not kept up
    with, and not compared. Empty in records of older versions, which compared it."""
    unmatched: tuple[str, ...] = ()
    """Cells that only one of the two runs has: not compared."""

    @property
    def judged(self) -> tuple[Comparison, ...]:
        """The comparisons that a verdict rests on."""
        return tuple(one for one in self.comparisons if one.judged)


class GateResult(Stored):
    """What became of one gate in one cell."""

    gate: str
    """As written, e.g. `p99(latency.total) < 250ms`."""
    cell: str
    passed: bool | None
    """None: could not be evaluated; see `reason`."""
    value: float | None = None
    """The left side, in base units (seconds, per second, counts)."""
    limit: float | None = None
    reason: str = ""
    emulated: bool = False
    """The cell ran on an emulator."""
    judged: bool = True
    """False: shown, and no reason to fail: of an emulator, or figures that cannot be compared."""


class LevelEffect(Stored):
    """An effect where another axis has one of its values."""

    level: str
    """Word of that value: `redis`, `1024`."""
    pairs: int
    ratio: float
    """Above 1 is better, as in `Comparison`."""


class Dependence(Stored):
    """Whether an axis' effect differs between the values of another one."""

    on: str
    """Path of the other axis, or `configuration`, `workload`, `load`."""
    levels: tuple[LevelEffect, ...]
    p_value: float | None = None
    """For one and the same effect everywhere (Welch 1951); None where pairs are too few to say."""
    q_value: float | None = None
    """The p value after control of the false discovery rate over all such tests of the run."""
    found: bool = False
    """The effects differ by more than noise, and by more than the margin."""


class AxisEffect(Stored):
    """What one value of a matrix' axis does to a metric against another value, pooled over all else
    that the matrix varies; see `judge.effects`."""

    axis: str
    """Its path, as `settings.task_acks_late`, or `configuration`."""
    base: str
    """Word of the value that is compared with."""
    head: str
    metric: str
    cells: int
    """Pairs of cells that differ in this axis alone; each has the same weight."""
    pairs: int
    """Pairs of blocks, over all of them."""
    ratio: float
    """Geometric mean of the cells' ratios, above 1 is better, as in `Comparison`."""
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    p_value: float | None = None
    q_value: float | None = None
    """The p value after control of the false discovery rate over all effects of the run."""
    smallest_effect: float | None = None
    """The smallest change that so many pairs of this spread tell from none (power 80 %)."""
    verdict: StepVerdict = "inconclusive"
    reason: str = ""
    """Why nothing can be said of it, whatever the figures are."""
    left_out: dict[str, int] = {}
    """Reason -> how many pairs of blocks do not count for it."""
    dependences: tuple[Dependence, ...] = ()
    """Of every other axis that has several values."""

    @property
    def depends(self) -> tuple[Dependence, ...]:
        """Those on which it was found to depend: the ratio is then a mean of unlike effects."""
        return tuple(one for one in self.dependences if one.found)
