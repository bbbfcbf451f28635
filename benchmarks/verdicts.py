"""Are whole comparisons right, and in time? Claims of docs/verdicts.md, one run after the other.

    python benchmarks/verdicts.py same --times 40 --keep verdicts.jsonl

same: the shipped speed gate on identical code ends with "no change" of every judged figure, within
5 minutes. tenth: a worker that burns a tenth of its CPU time more is a regression within 5 minutes.
task: 10 ms more in one task of ten is a regression of that task within 2 minutes, trial and equal
rates included. sleeps: a task that sleeps 5 ms more is no regression of CPU per task, by `harness
ab`. computes: one that computes 5 ms more is.

Each run is a line of the file that --keep names, with the commit, the load average before and after
it, and how long it took: sittings add up, and so do machines, told apart by nobody. At the end
stands how many of how many were right, and what is required. `--times 0` only counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from aa import SOLO, Project, Watch

from harness.cli import INTERRUPTED
from harness.cli.verdict import was_interrupted
from harness.results.record.comparison import Comparison
from harness.results.record.run import RunRecord
from harness.runner.prepare.ab import Effort, Frame, paired_plan, variant_of
from harness.runner.prepare.equal_rates import with_equal_rates
from harness.runner.run import RunOptions, run

GATE = Path(__file__).parents[1] / "scenarios" / "speed-gate.yaml"
FINE = ("no_change", "improved")
CLOSED = {"loads": [{"load": "closed", "in_flight": 8}], "measure": {"duration": "2s"}}
LONGER = """
import os, time
from harness.probe import tasks

def sleeps(x, y):
    time.sleep(0.005)
    return add(x, y)

def computes(x, y):
    end_ns = time.thread_time_ns() + 5_000_000
    while time.thread_time_ns() < end_ns:
        pass
    return add(x, y)

if os.environ["HARNESS_ROLE"] == "worker":
    add = tasks.add.run
    tasks.add.run = {how}
"""
"""For any pool of processes."""
TEN = """
import time
from celery import Celery

app = Celery("ten")
longer_s = {}

def make(name):
    @app.task(name=name)
    def work():
        end = time.thread_time() + 0.001
        while time.thread_time() < end:
            pass
        time.sleep(longer_s.get(name, 0))
        return name

for number in range(1, 11):
    make(f"ten.t{number}")
"""
"""An app of ten tasks of a millisecond."""
CHANGED = "ten.t7"
SLOWER = f'import ten; ten.longer_s["{CHANGED}"] = 0.01'


@dataclass(frozen=True)
class Claim:
    """What is to be right in so many of so many runs, each within so many minutes."""

    says: str
    needed: int
    of: int
    try_once: Callable[[Project], RunRecord]
    right: Callable[[list[Comparison]], bool]
    """Whether the run's comparisons say what they should."""
    minutes: float | None = None


# --- one run --------------------------------------------------------------------------------------


def same(project: Project) -> RunRecord:
    """The shipped gate on two configurations that are the same."""
    return _gate(project, {"base": {}, "head": {}})


def tenth(project: Project) -> RunRecord:
    """The gate on a worker, and on one that burns a tenth of its CPU time more."""
    slow = {"worker": SOLO, "settings": project.plant("process_time_ns")}
    return _gate(project, {"base": {"worker": SOLO}, "head": slow})


def _gate(project: Project, configurations: dict[str, dict[str, Any]]) -> RunRecord:
    scenario = yaml.safe_load(GATE.read_text(encoding="utf-8"))
    plan = {key: scenario[key] for key in ("workloads", "loads", "measure", "gates")}
    record, _ = project.run_once(
        configurations, **plan, compare={**scenario["compare"], "base": "base"}
    )
    return record


def task(project: Project) -> RunRecord:
    """`harness ab` of an app of ten tasks, one of which takes 10 ms longer."""
    project.folder.joinpath("ten.py").write_text(TEN, encoding="utf-8")
    project.folder.joinpath("slower.py").write_text(SLOWER, encoding="utf-8")
    mix = [{"task": f"ten.t{number}", "expect": f"ten.t{number}"} for number in range(1, 11)]
    workload = {"workload": {"app": "ten:app", "project": "..", "mix": mix}}
    load = {"loads": [{"load": "closed", "in_flight": 4}], "measure": {"duration": "1s"}}
    return _two_sides(project, "slower", {"workloads": [workload], **load}, minutes=1.75)


def sleeps(project: Project) -> RunRecord:
    """`harness ab` of `add`, which sleeps 5 ms more."""
    return _longer(project, "sleeps")


def computes(project: Project) -> RunRecord:
    """The same of one that computes 5 ms more."""
    return _longer(project, "computes")


def _longer(project: Project, how: str) -> RunRecord:
    text = LONGER.format(how=how)
    project.folder.joinpath(f"planted_{how}.py").write_text(text, encoding="utf-8")
    return _two_sides(project, f"planted_{how}", {"workloads": ["add"], **CLOSED}, minutes=5)


def _two_sides(
    project: Project, module: str, scenario: dict[str, Any], minutes: float
) -> RunRecord:
    """As `harness ab` does it, trial and equal rates included: the work against itself with a
    module that workers load."""
    redis = {"broker": {"service": "redis"}, "backend": {"service": "redis"}}
    project.write("configs/one.yaml", {"name": "one", **redis})
    whole = {"name": "two-sides", "configurations": ["one"], **scenario}
    path = project.write("scenarios/two-sides.yaml", whole)
    environ = {**os.environ, "PYTHONPATH": str(project.folder)}
    base, head = (
        variant_of((f"set:settings.imports=[{loaded}]",), project.folder, environ)
        for loaded in ("", module)
    )
    effort = Effort(pairs=(6, 20), minutes=minutes)
    plan = paired_plan(Frame(path, (), (), "local", environ), base, head, effort)
    options = RunOptions("local", project.folder / "results", None, project.folder, environ)
    plan = with_equal_rates(plan, lambda trial: run(trial, options, Watch())[0])
    record, _ = run(plan, options, Watch())
    return record


# --- what is right --------------------------------------------------------------------------------


def _whole(found: Iterable[Comparison]) -> list[Comparison]:
    return [one for one in found if one.judged and not one.own]


def _unchanged(found: list[Comparison]) -> bool:
    return bool(_whole(found)) and all(one.verdict in FINE for one in _whole(found))


def _slower(found: list[Comparison]) -> bool:
    return any(one.verdict == "regression" for one in _whole(found))


def _that_task(found: list[Comparison]) -> bool:
    own = {one.task for one in found if one.own and one.is_regression}
    return own == {CHANGED}


def _cpu_regressed(found: list[Comparison]) -> bool | None:
    """None where it is not judged."""
    cpu = [one for one in _whole(found) if one.metric == "worker_cpu"]
    return any(one.verdict == "regression" for one in cpu) if cpu else None


CLAIMS = {
    "same": Claim("identical code is no change", 32, 40, same, _unchanged, 5),
    "tenth": Claim("a tenth more CPU is a regression", 18, 20, tenth, _slower, 5),
    "task": Claim("10 ms in one of ten tasks is its regression", 18, 20, task, _that_task, 2),
    "sleeps": Claim(
        "sleeping is no regression of CPU", 10, 10, sleeps, lambda ones: not _cpu_regressed(ones)
    ),
    "computes": Claim(
        "computing is one of CPU", 10, 10, computes, lambda ones: _cpu_regressed(ones) is True
    ),
}
"""How often the third has to be right nobody has said: as often as the second."""


# --- counting -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """One run of a claim, as a line of the file."""

    claim: str
    right: bool
    took_s: float
    pairs: int
    verdicts: dict[str, str]
    """Figure, with its load's name where there are several -> verdict, ratio and interval."""
    at: str
    commit: str
    load_before: float
    load_after: float
    """Load averages of the last minute."""
    cores: int


def tried(name: str, project: Project) -> Tried:
    """One more run. Anything but sound, complete blocks counts as not right; whoever interrupts it
    ends the counting."""
    claim, load, began_s = CLAIMS[name], os.getloadavg()[0], time.monotonic()
    record = claim.try_once(project)
    took_s = time.monotonic() - began_s
    if was_interrupted(record):
        sys.exit(INTERRUPTED)
    found = [*record.comparison.comparisons] if record.comparison else []
    sound = record.status == "complete" and all(block.sound for block in record.blocks)
    whole = sound and claim.right(found)
    in_time = claim.minutes is None or took_s <= 60 * claim.minutes + SERVERS_S
    told = [one for one in found if one.judged and (not one.own or one.is_regression)]
    return Tried(
        claim=name,
        right=whole and in_time,
        took_s=round(took_s, 1),
        pairs=record.order.count(0),
        verdicts={_figure(one): _verdict(one) for one in told},
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        load_before=load,
        load_after=os.getloadavg()[0],
        cores=os.cpu_count() or 0,
    )


SERVERS_S = 10.0
"""What the start and the end of servers may take beside a comparison's own minutes. A trial is
within them: `task` is given a quarter of a minute less to measure."""


def _figure(one: Comparison) -> str:
    task_of = f"{one.task}: " if one.task else ""
    return f"{task_of}{one.metric} in {one.head.rpartition('/')[2]}"


def _verdict(one: Comparison) -> str:
    ends = f" {one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]" if one.ratio and one.low else ""
    return f"{one.verdict}{ends}"


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip()


def kept(path: Path | None) -> list[Tried]:
    """The runs of earlier sittings; a line that is not whole is none."""
    if path is None or not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Tried(**json.loads(line)) for line in lines if line.endswith("}")]


def keep(path: Path | None, one: Tried) -> None:
    """One more line."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(vars(one)) + "\n")


def counted(name: str, runs: list[Tried]) -> tuple[str, bool]:
    """`same: 7 of 8 right ...`, and whether the claim can still hold."""
    claim, mine = CLAIMS[name], [one for one in runs if one.claim == name]
    right = sum(one.right for one in mine)
    can = (
        len(mine) - right <= claim.of - claim.needed or right >= claim.needed * len(mine) / claim.of
    )
    said = "holds" if can and len(mine) >= claim.of else "so far" if can else "DOES NOT HOLD"
    needed = f"{claim.needed} of {claim.of}"
    loads = [load for one in mine for load in (one.load_before, one.load_after)]
    busy = f", load average {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    return (
        f"{name} ({claim.says}): {right} of {len(mine)} right, needed {needed}{busy}: {said}",
        can,
    )


def main() -> None:
    """Print a line per run, then the counts."""
    parser = argparse.ArgumentParser(description="Are whole comparisons right, and in time?")
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"of {', '.join(CLAIMS)}; all")
    parser.add_argument("--times", type=int, default=1, help="further runs of each claim")
    parser.add_argument("--keep", type=Path, help="JSON lines: read, and added to")
    parser.add_argument("--minutes", type=float, help="begin no run after so many minutes")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.claims if name not in CLAIMS]:
        parser.error(f"no claim {', '.join(unknown)}; there are {', '.join(CLAIMS)}")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a terminal, file or pipe
    names, runs = arguments.claims or [*CLAIMS], kept(arguments.keep)
    ends_s = time.monotonic() + 60 * (arguments.minutes or float("inf"))
    for number in range(arguments.times):
        for name in names:
            if time.monotonic() >= ends_s:
                continue
            with tempfile.TemporaryDirectory() as folder:
                sys.path.append(folder)  # settings may only name modules that are there
                one = tried(name, Project(Path(folder)))
                sys.path.remove(folder)
            keep(arguments.keep, one)
            runs.append(one)
            said = "; ".join(f"{figure}: {verdict}" for figure, verdict in one.verdicts.items())
            right = "right" if one.right else "NOT RIGHT"
            print(f"{name} {number + 1}: {right}, {one.pairs} pairs, {one.took_s:.0f} s. {said}")
    found = [counted(name, runs) for name in names]
    print(*(words for words, _ in found), sep="\n")
    sys.exit(0 if all(can for _, can in found) else 1)


if __name__ == "__main__":
    main()
