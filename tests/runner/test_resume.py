"""`harness resume`: what was broken off is completed, and nothing that was measured is touched."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from harness.affinity import ANYWHERE
from harness.errors import ExitCode, RecordError
from harness.probe.recording.events import Kind
from harness.results.record.run import RecordedWarning, RunRecord
from harness.results.store.run_folders import RunFolder, read_run
from harness.runner.prepare.environment import fingerprint
from harness.runner.prepare.stored_plan import plan_of
from harness.runner.run import RunOptions, planned
from harness.scenario.plan.finding import yaml_files
from harness.scenario.plan.loader import load_plan
from tests.runner.running import PATIENCE_S, ROOT, SLEEPING, Ended, Site, outcomes_of, wait_for


def resumed(site: Site, *arguments: str) -> Ended:
    return site.harness("resume", "latest", *arguments)


def broken_off(site: Site, number: signal.Signals) -> RunRecord:
    """A run of two blocks that was ended in its second one."""
    site.scenario(workloads=[SLEEPING], measure={"duration": "2s", "warmup": 0, "blocks": 2})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.SEEN, 24, block=1)  # four are of probe tasks
        running.kill(number)
        running.process.wait(PATIENCE_S)
    wait_for(lambda: site.processes() == [], "the end of all processes")
    (folder,) = site.results.iterdir()
    return read_run(folder)


def assert_second_block_measured_again(ended: Ended, before: RunRecord, after: str) -> None:
    """The first one stays as it was, to the byte; the half one is kept, and in no figure."""
    assert ended.code == ExitCode.PASS, ended.stderr
    (first, *_) = before.blocks
    record = ended.record
    assert (record.run_id, record.status, record.order) == (before.run_id, "complete", (0, 0))
    assert record.blocks[0] == first
    again = record.blocks[1]
    assert (again.number, again.repetition, again.status) == (1, 1, "complete")
    assert outcomes_of(again) == {"ok": again.units}
    assert len(ended.rows(again, "units")) == again.units > 20

    (half,) = record.broken_off
    assert (half.number, half.status) == (1, "partial")
    assert half.outcomes.ok >= 20
    assert any((ended.folder / "broken-off/001-1").iterdir())
    assert all((ended.folder / path).exists() for path in half.files.values())
    (resumption,) = record.resumptions
    assert (resumption.after, resumption.first_block) == (after, 1)
    assert 0.4 < resumption.measured_s < 60
    assert f"after it had been {after}, from block 1 on" in ended.words
    assert "1 block was broken off and measured again" in ended.words


def test_an_interrupted_run(site: Site) -> None:
    """When it is complete nothing is left to do."""
    before = broken_off(site, signal.SIGINT)
    assert_second_block_measured_again(resumed(site), before, "interrupted")
    assert list(site.temporary.iterdir()) == []
    once_more = resumed(site)
    assert once_more.code == ExitCode.USAGE
    assert "is complete: nothing is left to do" in once_more.stderr


def test_a_killed_run_whose_files_are_gone_and_machine_is_another(site: Site) -> None:
    """The stored plan counts, not the files. Blocks of another machine would be compared with those
    of the first one: it is refused unless forced."""
    before = broken_off(site, signal.SIGKILL)
    (folder,) = site.results.iterdir()
    stored = json.loads((folder / "run.json").read_text())
    stored["environment"]["cpu"] = "Abacus 3000"
    (folder / "run.json").write_text(json.dumps(stored))
    for file in (*site.folder.glob("configs/*"), *site.folder.glob("scenarios/*")):
        file.unlink()
    refused = resumed(site)
    assert refused.code == ExitCode.USAGE
    assert "cpu: Abacus 3000 / " in refused.stderr
    assert "--force" in refused.stderr
    assert read_run(folder).resumptions == ()
    assert_second_block_measured_again(resumed(site, "--force", "--quiet"), before, "killed")
    assert list(site.temporary.iterdir()) == []


def test_a_block_that_failed_is_tried_again(site: Site) -> None:
    """Its cause is put right in between: a module that workers import."""
    site.configuration(settings={"imports": ["broken"]})
    site.module("broken", "raise RuntimeError('not yet')")
    assert site.run().code == ExitCode.USAGE
    site.module("broken", "")
    (folder,) = site.results.iterdir()
    stored = json.loads((folder / "run.json").read_text())
    stored["warnings"] = [{"code": "other_runs", "data": {"runs": 7}}]
    (folder / "run.json").write_text(json.dumps(stored))
    ended = resumed(site)
    assert ended.code == ExitCode.PASS, ended.stderr
    assert outcomes_of(ended.block) == {"ok": 20}
    # What made the first figures doubtful still does.
    assert ended.record.warnings == (RecordedWarning(code="other_runs", data={"runs": 7}),)
    (failed,) = ended.record.broken_off
    assert failed.status == "failed"
    assert ended.record.resumptions[0].after == "failed"


def test_a_run_that_goes_on_is_left_alone(site: Site) -> None:
    site.scenario(measure={"duration": "60s", "warmup": 0})
    with site.start("run", "scenarios/s.yaml") as running:
        running.wait_event(Kind.SEEN, 5)
        ended = resumed(site)
        assert ended.code == ExitCode.USAGE
        assert "this run is still going on" in ended.stderr
        running.kill(signal.SIGINT)
        assert running.ended().code == 130


@pytest.mark.parametrize("scenario", yaml_files(ROOT / "scenarios"), ids=lambda path: path.stem)
def test_a_stored_plan_is_the_plan(scenario: Path, tmp_path: Path) -> None:
    """Of every shipped scenario, through run.json."""
    one_sided = (
        ["compare=null"] if scenario.stem == "speed-gate" else []
    )  # harness ab has the other
    plan = load_plan(scenario, sets=one_sided)
    record = planned(plan, RunOptions(None, tmp_path, 1, ROOT, {}))
    folder = RunFolder.create(tmp_path, "r")
    folder.write(record)
    folder.close()
    assert plan_of(read_run(folder.path)) == plan


def test_a_plan_whose_mixes_had_loads_and_a_measure(tmp_path: Path) -> None:
    """Entries of a mix had them once, unset: such a run can still be completed."""
    plan = load_plan(ROOT / "examples/shop/scenarios/shop.yaml")
    record = planned(plan, RunOptions(None, tmp_path, 1, ROOT, {}))
    stored = json.loads(record.model_dump_json())
    for workload in [*stored["scenario"]["workloads"], *(c["workload"] for c in stored["cells"])]:
        workload["mix"] = [{**one, "loads": None, "measure": {}} for one in workload["mix"]]
    assert plan_of(RunRecord.model_validate(stored)) == plan


def test_a_plan_of_another_version_is_one_clear_error(tmp_path: Path) -> None:
    plan = load_plan(ROOT / "scenarios/smoke.yaml")
    record = planned(plan, RunOptions(None, tmp_path, 1, ROOT, {}))
    assert record.environment == fingerprint(ROOT, ANYWHERE)
    scenario = record.scenario | {"colour": "blue"}
    with pytest.raises(RecordError, match=r"another version of the harness \(colour"):
        plan_of(record.model_copy(update={"scenario": scenario}))
