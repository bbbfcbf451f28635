"""`harness history` as a user sees it: text, CSV, JSON and errors."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from harness.cli import exit_code_of
from harness.errors import ExitCode
from harness.report.tables.history import CSV_COLUMNS, sparkline
from harness.results.record.run import RunRecord
from tests.cli.project import ROOT, harness
from tests.history.stores import (
    HEAD,
    PLAIN,
    levels,
    paired_run,
    plain_run,
    run_id,
    store,
    with_packages,
)
from tests.report.made.records import MINISTACK

TEXT = """\
nightly: throughput, ratio to redis in the same run (above 1 is better)
Changes are nominated by {method}, and declared by a paired
  re-run only.

rabbitmq/add/closed-8: 16 runs
  ratio to redis
  on Some CPU 3000, 2 cores, 8 GiB, broker Valkey, local, backend Valkey, local
  ████████▁▁▁▁▁▁▁▁
  DATE (UTC)        RUN     COMMIT        RATIO  BLOCKS
  ... 6 more
  2026-01-07 03:00  000006  0123456789ab  1.000       6
  2026-01-08 03:00  000007  0123456789ab  1.000       6
  2026-01-09 03:00  000008  0123456789ab  0.800       6  new level?
  2026-01-10 03:00  000009  0123456789ab  0.800       6
  2026-01-11 03:00  00000a  0123456789ab  0.800       6
  2026-01-12 03:00  00000b  0123456789ab  0.800       6
  2026-01-13 03:00  00000c  0123456789ab  0.800       6
  2026-01-14 03:00  00000d  0123456789ab  0.800       6
  2026-01-15 03:00  00000e  0123456789ab  0.800       6
  2026-01-16 03:00  00000f  0123456789ab  0.800       6
  the reference is not pinned: celery 5.6.3 -> 5.7.0; what hits both sides alike leaves no trace
    here
  NOMINATED: 1.000 -> 0.800 (-20.0%, worse) from run 000007 to 000008, p = {p}
    changed in between: celery 5.6.3 -> 5.7.0 (both sides)
    confirm celery:
      harness ab --base pins:celery==5.6.3,kombu==5.7.0,redis==8.1.0 \
--head pins:celery==5.7.0,kombu==5.7.0,redis==8.1.0 scenarios/nightly.yaml

Left out:
  run 20260117T030000Z-nightly-000010: rabbitmq/add/closed-8 has no complete block with a figure
"""


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines break by the terminal's width, which is the machine's."""
    monkeypatch.setenv("COLUMNS", "100")


def nightly(count: int = 16) -> list[RunRecord]:
    """A fifth down in the middle, with a newer Celery."""
    return [
        paired_run(
            night,
            1.0 if night < count // 2 else 0.8,
            machine=1 + night % 3,
            **with_packages(celery="5.6.3" if night < count // 2 else "5.7.0"),
        )
        for night in range(count)
    ]


def without_blocks(record: RunRecord) -> RunRecord:
    cells = (record.cells[0], record.cells[1].model_copy(update={"blocks": ()}))
    return record.model_copy(update={"cells": cells, "status": "partial"})


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert exit_code_of(["history", *words]) == ExitCode.PASS
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_the_text(tmp_path: Path) -> None:
    """The whole command, as installed; whichever method is there."""
    store(tmp_path / "results", [*nightly(), without_blocks(paired_run(16, 0.8))])
    done = harness("history", "nightly", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    as_json = json.loads(harness("history", "nightly", "--format", "json", folder=tmp_path).stdout)
    (nomination,) = as_json["series"][0]["nominations"]
    wanted = TEXT.format(method=as_json["method"], p=f"{nomination['p_value']:.2g}")
    # Where the sentence about the method breaks depends on its length.
    (head, _, body), (wanted_head, _, wanted_body) = (
        text.partition("\n\n") for text in (done.stdout, wanted)
    )
    assert head.split() == wanted_head.split()
    assert body == wanted_body


def test_absolute_values_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = store(tmp_path / "store", [plain_run(night, 500) for night in range(2)])
    text = " ".join(shown(capsys, "nightly", "--store", str(folder)).split())
    assert "nightly: throughput, units/s (higher is better)" in text
    assert "Absolute values: they move with the machine, and so do their changes." in text
    assert "2 points: too few to look for changes" in text
    cpu = shown(capsys, "nightly", "--store", str(folder), "--metric", "worker_cpu")
    assert "worker_cpu, ms/task (lower is better)" in cpu
    assert "2.00 ms" in cpu


def test_one_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = store(tmp_path / "store", [plain_run(0, 500)])
    text = shown(capsys, "nightly", "--store", str(folder))
    assert "redis/add/closed-8: 1 run\n" in text
    assert "1 point: too few to look for changes, which takes" in text


def test_unlike_machines_are_said_to_be_thrown_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store(tmp_path / "store", [plain_run(0, 500)])
    text = shown(capsys, "nightly", "--store", str(folder), "--force")
    assert "Unlike machines are thrown together (--force).\n" in text
    assert "on several machines\n" in text


def test_an_emulator_is_called_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = plain_run(0, 500)
    emulated = record.cells[0].model_copy(update={"servers": {"broker": MINISTACK}})
    folder = store(tmp_path / "store", [record.model_copy(update={"cells": (emulated,)})])
    words = ("nightly", "--store", str(folder), "--force")
    assert f"{PLAIN} (emulator): 1 run" in shown(capsys, *words)
    (series,) = json.loads(shown(capsys, *words, "--format", "json"))["series"]
    assert series["emulated"] is True


def test_a_scenario_is_named_by_its_file_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name in the file counts, not the name of the file."""
    folder = store(tmp_path / "store", [plain_run(0, 500, scenario={"name": "smoke"})])
    path = tmp_path / "any.yaml"
    path.write_text((ROOT / "scenarios/smoke.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    by_file = shown(capsys, str(path), "--store", str(folder))
    assert by_file == shown(capsys, "smoke", "--store", str(folder))


def test_the_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = store(tmp_path / "store", nightly())
    text = shown(capsys, "nightly", "--store", str(folder), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 16
    assert [float(row["value"]) for row in rows] == pytest.approx([1.0] * 8 + [0.8] * 8)
    assert {(row["values"], row["cell"], row["reference"]) for row in rows} == {
        ("ratio", HEAD, "redis")
    }
    assert [row["nominated"] for row in rows] == [""] * 8 + ["worse"] + [""] * 7
    assert float(rows[8]["change"]) == pytest.approx(-0.2)
    assert rows[8]["run"] == run_id(8)


def test_the_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = store(tmp_path / "store", nightly())
    found = json.loads(shown(capsys, "nightly", "--store", str(folder), "--format", "json"))
    assert {
        name: found[name] for name in ("scenario", "metric", "unit", "values", "reference")
    } == {
        "scenario": "nightly",
        "metric": "throughput",
        "unit": None,
        "values": "ratio",
        "reference": "redis",
    }
    (series,) = found["series"]
    assert [point["run"] for point in series["points"]] == [run_id(night) for night in range(16)]
    (nomination,) = series["nominations"]
    assert (nomination["from_run"], nomination["to_run"]) == (run_id(7), run_id(8))
    assert (nomination["before"], nomination["after"]) == (
        pytest.approx(1.0),
        pytest.approx(0.8),
    )
    assert nomination["worse"] is True
    assert nomination["confirm"][0]["varies"] == ["celery"]


def test_a_name_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = plain_run(0, 500, source="\x1b]0;x\x07.yaml", run_id="a-\x1b[31mred\n")
    record = record.model_copy(
        update={"cells": (record.cells[0].model_copy(update={"name": "\x1b[2J/add/closed"}),)}
    )
    folder = tmp_path / "store"
    target = folder / "run"
    target.mkdir(parents=True)
    (target / "run.json").write_text(record.model_dump_json(), encoding="utf-8")
    (folder / "\x1b[5mnone").mkdir()
    for words in ([], ["--reference", "x"], ["--metric", "publish_rate"], ["--format", "csv"]):
        exit_code_of(["history", "nightly", "--store", str(folder), *words])
        captured = capsys.readouterr()
        assert "\x1b" not in captured.out + captured.err
        assert r"\x1b[5mnone" in captured.err


def test_a_terminal_without_bars(tmp_path: Path) -> None:
    store(tmp_path / "results", nightly())
    done = harness("history", "nightly", folder=tmp_path, environ={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "  8888888811111111\n" in done.stdout


def test_sparklines() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3, 3]) == "▅▅▅"
    assert sparkline([0.9, 1.1], "latin-1") == "18"
    assert sparkline([0.9, 1.1], "no such encoding") == "18"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nightli"], 'no run of "nightli" in STORE (did you mean "nightly"?); there are: nightly'),
        (["no.yaml"], 'no scenario file "no.yaml"; for runs of a scenario whose file is gone'),
        (["nightly", "--metric", "thruput"], 'no metric "thruput" (did you mean "throughput"?)'),
        (["nightly", "--reference", "redsi"], "no run of nightly has throughput to show: 2 runs"),
        (["nightly", "--last", "0"], "0 is not in the range"),
        (["nightly", "--store", "nowhere"], "cannot read the store nowhere"),
    ],
)
def test_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    folder = store(tmp_path / "store", [plain_run(night, 500) for night in range(2)])
    extra = [] if "--store" in words else ["--store", str(folder)]
    assert exit_code_of(["history", *words, *extra]) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message.replace("STORE", str(folder)) in captured.err
    assert "Traceback" not in captured.err


def test_a_scenario_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("name: [\n", encoding="utf-8")
    assert exit_code_of(["history", str(path)]) == ExitCode.USAGE
    assert f"{path}:" in capsys.readouterr().err


def test_many_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two hundred nights: the newest hundred are looked at, and all of them counted."""
    records = [paired_run(n, level) for n, level in enumerate(levels(200, 150, 0.9))]
    folder = store(tmp_path / "store", records)
    text = shown(capsys, "nightly", "--store", str(folder))
    assert "rabbitmq/add/closed-8: 100 runs" in text
    assert "the 100 oldest points (--last 100)" in text
    assert f"to {150:06x}, p" in text
