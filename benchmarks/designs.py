"""When to look at pairs, and by which interval: designs of a comparison, tried on known noise; and
what twins gain over blocks, in the noise that both were measured in.

No server is needed: pairs are drawn, and each design says what it would have found, and when. The
figures that count: how often identical code is a regression, ends as "no change" at a margin of
5 %, how often a slowdown of 10 % is a regression, how often one of just the margin is called so,
and how long it took. `docs/verdicts.md` names the design that the harness uses; it is the row
`every two pairs`, by the harness' own code. --budget and --pair give other machines and overheads.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.scenario.models.compare import Compare, PairBudget
from harness.stats.looks import LEVEL, confidence_of

Pairs = npt.NDArray[np.float64]
RUNS = 20_000
MARGIN, EFFECT = 0.05, 0.10
MEASURED = (
    0.052, 0.435, -0.002, -0.087, 0.061, 0.09, -0.347, -0.07,
    -0.018, -0.67, -0.404, -0.191, 0.111, 0.402, -0.515, 0.548,
)  # fmt: skip
"""Log ratios of identical code: `add` on Redis, blocks of 8 s, two cores beside seven others."""
BLOCKS_S, BLOCKS = 10.5, (
    -0.443, -0.165, -0.576, 0.124, -0.333, 0.542, -0.257, 0.171, 0.112, 0.141,
    -0.333, 0.665, -0.209, 1.337, 0.015, 0.892, -0.262, -0.265, -0.09, -0.325,
)  # fmt: skip
"""Seconds of a pair and log ratios of throughput: the same beside seven others, blocks of 2 s."""
TWINS_S, TWINS = 9.2, (
    0.029, 0.468, 0.28, 0.091, -0.174, -0.007, 0.063, -0.254, 0.246, -0.012,
    -0.199, 0.028, -0.24, -0.169, -0.056, 0.263, -0.273, -0.007, 0.11, -0.063,
)  # fmt: skip
"""Of twins, measured between those blocks, in eight slices of 0.25 s a side."""


# --- noise --------------------------------------------------------------------------------------


def _normal(spread: float) -> Callable[[np.random.Generator, int], Pairs]:
    def drawn(random: np.random.Generator, pairs: int) -> Pairs:
        return random.normal(0, spread, (RUNS, pairs))

    return drawn


def _heavy(random: np.random.Generator, pairs: int) -> Pairs:
    drawn: Pairs = random.standard_t(3, (RUNS, pairs)) * 0.05 / math.sqrt(3)
    return drawn


def _spikes(random: np.random.Generator, pairs: int) -> Pairs:
    """A neighbour takes up to half of one block in twelve."""
    hit = random.random((RUNS, pairs)) < 1 / 6
    return random.normal(0, 0.05, (RUNS, pairs)) + hit * random.uniform(-0.7, 0.7, (RUNS, pairs))


def _of(ratios: Sequence[float]) -> Callable[[np.random.Generator, int], Pairs]:
    def drawn(random: np.random.Generator, pairs: int) -> Pairs:
        sign = random.choice((-1.0, 1.0), (RUNS, pairs))
        found: Pairs = sign * random.choice(np.array(ratios), (RUNS, pairs))
        return found

    return drawn


NOISE: dict[str, Callable[[np.random.Generator, int], Pairs]] = {
    "quiet machine, spread 3 %": _normal(0.03),
    "spread 5 %": _normal(0.05),
    "spread 8 %": _normal(0.08),
    "spread 12 %": _normal(0.12),
    "spread 19 %": _normal(0.19),
    "heavy tails (t3), spread 5 %": _heavy,
    "spikes on spread 5 %": _spikes,
    "measured beside seven others": _of(MEASURED),
}
BY_BLOCKS, BY_TWINS = f"blocks, pairs of {BLOCKS_S} s", f"twins, pairs of {TWINS_S} s"
SAME_NOISE = {BY_BLOCKS: (BLOCKS_S, _of(BLOCKS)), BY_TWINS: (TWINS_S, _of(TWINS))}
"""Two ways to measure pairs in the same noise, each with the seconds of a pair."""


# --- designs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Design:
    """At how many pairs it is looked, and the widths of the interval there, in standard errors."""

    looks: Sequence[int]
    widths: Sequence[float]


def _constant(looks: Sequence[int], confidence: float) -> Design:
    return Design(looks, [special.stdtrit(n - 1, (1 + confidence) / 2) for n in looks])


def _late(looks: Sequence[int], random: np.random.Generator) -> Design:
    """O'Brien & Fleming 1979, on the scale of p values: nearly all error is kept for the end."""
    noise = random.standard_normal((100_000, looks[-1]))
    beyond = np.array([np.abs(_t(noise[:, :n])) for n in looks])
    low, high = 1.5, 6.0
    for _ in range(25):
        middle = (low + high) / 2
        shares = special.ndtr(-middle * np.sqrt(looks[-1] / np.array(looks)))
        widths = special.stdtrit(np.array(looks) - 1, 1 - shares)
        wrong = (beyond > widths[:, None]).any(axis=0).mean()
        low, high = (middle, high) if wrong > LEVEL else (low, middle)
    return Design(looks, widths)


def _t(noise: Pairs) -> Pairs:
    mean: Pairs = noise.mean(axis=1) / noise.std(axis=1, ddof=1) * math.sqrt(noise.shape[1])
    return mean


def _any_time(looks: Sequence[int]) -> Design:
    """Valid whenever one stops: a mixture of effects against none, as a Bayes factor of t (Lai
    1976; the effect's prior has the spread of a pair)."""

    def factor(t: float, pairs: int) -> float:
        freedom, one = pairs - 1, t * t / (pairs - 1)
        odds: float = ((1 + one) / (1 + one / (1 + pairs))) ** ((freedom + 1) / 2)
        return odds / math.sqrt(1 + pairs)

    widths = []
    for pairs in looks:
        low, high = 0.0, 1000.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if factor(middle, pairs) < 1 / LEVEL else (low, middle)
        widths.append(high)
    return Design(looks, widths)


def designs(most: int, random: np.random.Generator) -> Iterator[tuple[str, Design]]:
    """By name, for at most so many pairs."""
    three = (min(10, most), (10 + most) // 2, most)
    two = Compare(pairs=PairBudget(min=6, max=most)).look_sizes
    yield "three looks, error divided (0.1.0 began so)", _constant(three, 1 - LEVEL / 3)
    yield "one look at the end", _constant((most,), 1 - LEVEL)
    yield "every two pairs, one confidence (Pocock)", _constant(two, confidence_of(two))
    yield "every two pairs, late (O'Brien-Fleming)", _late(two, random)
    yield "every two pairs, valid at any time", _any_time(two)


# --- what they find -----------------------------------------------------------------------------


def ended(pairs: Pairs, design: Design) -> tuple[float, float, npt.NDArray[np.int_]]:
    """Share of regressions, share of "no change", and after how many pairs each one ended."""
    limit = math.log(1 - MARGIN)
    at = np.full(len(pairs), design.looks[-1])
    undecided = np.ones(len(pairs), dtype=bool)
    regressions = passed = 0
    for count, width in zip(design.looks, design.widths, strict=True):
        some = pairs[:, :count]
        mean, error = some.mean(axis=1), some.std(axis=1, ddof=1) / math.sqrt(count)
        slower = undecided & (mean + width * error < limit)
        fine = undecided & (mean - width * error >= limit)
        regressions, passed = regressions + int(slower.sum()), passed + int(fine.sum())
        at[slower | fine] = count
        undecided &= ~(slower | fine)
    return regressions / len(pairs), passed / len(pairs), at


def main() -> None:
    """Print a table per noise."""
    parser = argparse.ArgumentParser(description="Which design needs the least time?")
    parser.add_argument("--budget", type=float, default=300, help="seconds of a comparison")
    parser.add_argument("--pair", type=float, default=8, help="seconds of a pair of blocks")
    parser.add_argument("--long", type=float, default=3600, help="seconds for blocks and twins")
    arguments = parser.parse_args()
    most = int(arguments.budget / arguments.pair) // 2 * 2
    print(f"at most {most} pairs of {arguments.pair:g} s; shares in %, times in s (median)")
    head = f"{'':45}{'false':>7}{'no change':>11}{'in':>6}{'finds 10 %':>12}{'in':>6}{'at edge':>9}"
    chosen = list(designs(most, np.random.default_rng(1)))
    for noise, drawn in NOISE.items():
        print(f"\n{noise}\n{head}")
        for name, design in chosen:
            print(f"{name:45}{_row(drawn(np.random.default_rng(2), most), design, arguments.pair)}")
    print(f"\nevery two pairs, one confidence, in {arguments.long:g} s beside seven others\n{head}")
    for name, (pair_s, drawn) in SAME_NOISE.items():
        pairs = int(arguments.long / pair_s) // 2 * 2
        looks = Compare(pairs=PairBudget(min=6, max=pairs)).look_sizes
        design = _constant(looks, confidence_of(looks))
        print(f"{name:45}{_row(drawn(np.random.default_rng(2), pairs), design, pair_s)}")


def _row(pairs: Pairs, design: Design, pair_s: float) -> str:
    false, passed, at = ended(pairs, design)
    found, _, sooner = ended(pairs + math.log(1 - EFFECT), design)
    edge, _, _ = ended(pairs + math.log(1 - MARGIN), design)
    took, took_it = (np.median(one) * pair_s for one in (at, sooner))
    return (
        f"{100 * false:7.2f}{100 * passed:11.1f}{took:6.0f}"
        f"{100 * found:12.1f}{took_it:6.0f}{100 * edge:9.2f}"
    )


if __name__ == "__main__":
    main()
