"""The files that a run leaves for readers, and what happens when they cannot be written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from harness.cli.ending import leave_report_files
from harness.errors import ExitCode, RecordError
from harness.report.formats.files import write_files
from harness.report.formats.illustrated import MOST_IMAGES, illustrated
from harness.report.html import libraries as module
from harness.report.view.cells import Spread, view_of
from harness.results.store.run_folders import RunFolder, read_run
from tests.cli.project import ROOT, harness
from tests.report.charts.test_charts import compared_run
from tests.report.made import records
from tests.report.made.stored import sampled_run

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed run, with its files written anew."""
    folder = tmp_path_factory.mktemp("run") / "reference"
    shutil.copytree(ROOT / "results/reference", folder)
    assert write_files(read_run(folder), folder) == (folder / "report.html", folder / "report.md")
    return folder


def test_every_image_of_the_markdown_is_there_and_no_other(reference: Path) -> None:
    text = (reference / "report.md").read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    named = [
        child.attrs["src"] for token in tokens for child in token.children or ()
        if child.type == "image"
    ]  # fmt: skip
    there = [f"report/{path.name}" for path in (reference / "report").iterdir()]
    assert sorted(map(str, named)) == sorted(there)
    assert len(there) == 8


def test_images_are_pictures_with_a_white_ground_and_a_title(reference: Path) -> None:
    for path in (reference / "report").glob("*.svg"):
        root = ElementTree.parse(path).getroot()  # noqa: S314 - written by ourselves
        assert root.tag == f"{SVG}svg"
        ground = root.find(f"{SVG}rect")
        assert ground is not None
        assert ground.get("fill") in ("#ffffff", "white")
        title = root.find(f"{SVG}title")
        assert title is not None
        assert title.text
        assert 600 < float(str(root.get("width"))) <= 740
        assert len(root.findall(f".//{SVG}path")) > 4
        assert path.stat().st_size < 80_000


def test_the_markdown_says_all_that_it_says_without_images(reference: Path) -> None:
    plain = harness("report", str(reference), "--format", "md").stdout
    text = (reference / "report.md").read_text(encoding="utf-8")
    assert not [line for line in plain.splitlines() if line not in text]
    assert "- **add/closed-8: 633 units/s, mean latency 12.6 ms; 64 % of it is dispatch" in text


def test_answers_of_a_comparison_stand_above_the_charts(tmp_path: Path) -> None:
    text = illustrated(view_of(compared_run(0.8), tmp_path, {}), "report").text
    said = r"\*\*REGRESSION: rabbitmq is slower than redis: throughput \d+ % lower \("
    found = re.search(said, text)
    assert found is not None
    assert found.start() < text.index("![")


def test_of_many_charts_some_of_each_subject_are_shown(tmp_path: Path) -> None:
    record = sampled_run(tmp_path, variants=2, works=9, blocks=1)
    made = illustrated(view_of(record, tmp_path, {}), "report")
    assert len(made.images) == MOST_IMAGES
    kinds = {name.partition("-")[0] for name in made.images}
    assert kinds == {"throughput", "percentiles", "phases", "cpu"}
    assert re.search(r"^\d+ more charts are in report\.html", made.text, re.MULTILINE)


def test_hostile_names_stay_names() -> None:
    made = illustrated(view_of(records.hostile_run(), Path(records.HOSTILE), {}), "report")
    tokens = MarkdownIt("commonmark").enable("table").parse(made.text)
    inline = [child for token in tokens for child in token.children or ()]
    assert not [token for token in tokens if token.type == "html_block"]
    assert {t.content for t in inline if t.type == "html_inline"} <= {"<sub>", "</sub>"}
    sources = {str(token.attrs["src"]) for token in inline if token.type == "image"}
    assert sources == {f"report/{name}" for name in made.images}
    for svg in made.images.values():
        root = ElementTree.fromstring(svg)  # noqa: S314 - written by ourselves
        assert {one.tag for one in root.iter()} <= {
            f"{SVG}{tag}" for tag in ("svg", "title", "g", "rect", "path", "text", "tspan", "line",
                                      "defs", "clipPath")
        }  # fmt: skip


def test_images_of_an_earlier_report_go(reference: Path) -> None:
    (reference / "report/throughput-99.svg").write_text("old")
    (reference / "report/mine.txt").write_text("kept")
    write_files(read_run(reference), reference)
    assert not (reference / "report/throughput-99.svg").exists()
    assert (reference / "report/mine.txt").read_text() == "kept"
    (reference / "report/mine.txt").unlink()


# --- the command ----------------------------------------------------------------------------------


def test_files_are_made_again_on_demand(tmp_path: Path) -> None:
    record = records.tutorial_run()
    folder = RunFolder.create(tmp_path / "results", record.run_id)
    folder.write(record)
    folder.close()
    shown = harness("report", "latest", "--files", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    named = [f"results/{record.run_id}/{name}" for name in ("report.html", "report.md")]
    assert shown.stdout.splitlines() == named
    page = harness("report", "latest", "--format", "html", folder=tmp_path).stdout
    assert page == (tmp_path / named[0]).read_text(encoding="utf-8")
    wrong = harness("report", "latest", "--files", "--output", "x.html", folder=tmp_path)
    assert wrong.returncode == ExitCode.USAGE
    assert "leave --output out" in wrong.stderr


# --- where they cannot be written -----------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB: enough for a record, too small for a page."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - found on PATH


def test_a_full_disk_is_one_sentence_and_no_lost_run(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = records.tutorial_run()
    folder = RunFolder.create(small_disk, record.run_id)
    folder.write(record)
    folder.close()
    leave_report_files(record, folder.path, quiet=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        f"harness: cannot write {folder.path}/report.html: No space left on device; "
        f"harness report {record.run_id} --files makes the reports, the run itself is on disk"
    ]
    assert sorted(path.name for path in folder.path.iterdir()) == ["logs", "run.json"]
    assert json.loads((folder.path / "run.json").read_text())["status"] == "complete"


def test_a_folder_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RecordError, match=r"cannot write .*report.html: Is a directory"):
        write_files(records.tutorial_run(), tmp_path)


def test_a_bug_in_a_report_is_told_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of a chart")

    monkeypatch.setattr("harness.report.formats.files.write_files", broken)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    leave_report_files(records.tutorial_run(), tmp_path, quiet=True)
    said = capsys.readouterr().err
    assert "this is a bug: ZeroDivisionError: of a chart" in said
    assert said.splitlines()[-1].startswith("The run itself is on disk; harness report ")


# --- the libraries --------------------------------------------------------------------------------


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The snippets that were bundled; a bundle takes a second, so here it is a short one."""
    asked: list[str] = []

    def bundle(snippet: str) -> str:
        asked.append(snippet)
        return f"const a='</script>';{snippet}"

    monkeypatch.setattr("vl_convert.javascript_bundle", bundle)
    module.libraries.cache_clear()
    yield asked
    module.libraries.cache_clear()


def test_the_bundle_is_kept_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: list[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = module.libraries()
    assert made == "(()=>{const a='\\x3C/script>';window.vegaEmbed = vegaEmbed;})();"
    (kept,) = (tmp_path / "harness").iterdir()
    module.libraries.cache_clear()
    assert module.libraries() == made
    assert len(bundled) == 1
    kept.write_text(kept.read_text(encoding="utf-8")[:-1], encoding="utf-8")
    module.libraries.cache_clear()
    assert module.libraries() == made
    assert len(bundled) == 2
    assert [path.name for path in (tmp_path / "harness").iterdir()] == [kept.name]


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: list[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert module.libraries().startswith("(()=>{")
    assert len(bundled) == 1


def test_warnings_stand_before_charts(tmp_path: Path) -> None:
    text = illustrated(view_of(records.troubled_run(), tmp_path, {}), "report").text
    charts = text.index("<img" if "<img" in text else "![")
    assert text.index("**What went wrong**") < charts
    assert text.index("**Warnings**") < charts
    assert text.count("**Warnings**") == 1


def test_a_figure_over_blocks_compares_with_a_number() -> None:
    spread = Spread(median=12.0, lowest=8.0, highest=20.0, blocks=3)
    assert spread > 10
    assert spread >= 12
    assert not spread < 12
    assert spread <= Spread(median=12.5, lowest=1.0, highest=13.0, blocks=3)
