"""`harness index`: the page over a store, read back by an HTML parser."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.report.index.overview import overview
from harness.report.index.page import HEIGHT, WIDTH, page, sparkline
from harness.results.judge.compare import compare_run
from harness.results.record.comparison import GateResult
from harness.results.record.distributions import Outcomes
from harness.results.record.run import RunRecord
from harness.results.store.catalog import scan
from tests.cli.project import harness
from tests.compare.runs import ratio_run
from tests.history.stores import levels, paired_run, plain_run, store, with_packages
from tests.report.made import records

VOID = {"meta", "input", "br"}


@dataclass
class Page(HTMLParser):
    """What a browser would find."""

    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open_tags and self.open_tags[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def count(self, tag: str, **attributes: str) -> int:
        return sum(one == tag and attributes.items() <= found.items() for one, found in self.tags)


def _page(folder: Path, target: Path | None = None) -> Page:
    text = page(overview(scan(folder), target or folder), written_at="now")
    found = Page()
    found.feed(text)
    assert not found.open_tags
    return found


def test_the_newest_run_comes_first_and_links_lead_to_what_is_there(tmp_path: Path) -> None:
    folder = store(tmp_path / "results", [plain_run(night, 500) for night in range(3)])
    newest = sorted(folder.iterdir())[-1]
    (newest / "report.html").write_text("a report", encoding="utf-8")
    found = _page(folder)
    assert found.links[0] == f"./{newest.name}/report.html"
    assert [link.rpartition("/")[2] for link in found.links] == ["report.html", *["run.json"] * 3]
    assert all((folder / link).is_file() for link in found.links)
    assert found.text.index("2026-01-03 03:00") < found.text.index("2026-01-01 03:00")


def test_links_of_a_page_elsewhere_lead_to_the_store(tmp_path: Path) -> None:
    folder = store(tmp_path / "results", [plain_run(0, 500)])
    public = tmp_path / "public"
    public.mkdir()
    (link,) = _page(folder, public).links
    assert (public / link).resolve() == folder / link.split("/")[-2] / "run.json"


def test_a_run_shows_its_ledger_and_its_cells(tmp_path: Path) -> None:
    folder = store(tmp_path / "results", [records.troubled_run(), plain_run(0, 512)])
    text = _page(folder).text
    assert "! redis/add/closed-8" in text
    assert "990 ok, 4 lost, 5 dup, 2 wrong, 1 failed, 19 timed out" in text
    assert "512" in text


def test_verdicts_stand_in_their_column(tmp_path: Path) -> None:
    scenario = {"name": "nightly", "compare": {"base": "redis", "kind": "change"}}
    made = ratio_run(0.8, scenario=scenario)
    gates = (GateResult(gate="throughput > 1000", cell=made.cells[0].name, passed=False),)
    update = {"comparison": compare_run(made), "gates": gates}
    (line,) = overview(
        scan(store(tmp_path / "results", [made.model_copy(update=update)])), tmp_path
    ).runs
    assert [(one.words, one.flagged) for one in line.verdicts] == [
        ("gates: 0 of 1 hold", True),
        ("3 regressions", True),
    ]
    assert not line.flagged, "its units all ended well: the mark is not the outcome's"


def test_a_change_of_environment_breaks_the_line_and_another_machine_is_a_row_of_its_own(
    tmp_path: Path,
) -> None:
    old = [plain_run(night, 500 + night, **with_packages(celery="5.6.3")) for night in range(3)]
    new = [plain_run(night, 500 + night, **with_packages(celery="5.7.0")) for night in range(3, 7)]
    other = new[0].environment.model_copy(update={"cpu": "Another CPU"})
    moved = [plain_run(night, 900, environment=other) for night in range(7, 9)]
    content = overview(scan(store(tmp_path / "results", [*old, *new, *moved])), tmp_path)
    (part,) = content.scenarios
    assert [(row.machine.partition(",")[0], row.runs) for row in part.rows] == [
        ("Another CPU", 2),
        ("Some CPU 3000", 7),
    ]
    line = part.rows[1].lines[0]
    assert line is not None
    assert [dot.breaks for dot in line.dots] == [
        *("", "", ""),
        "package celery 5.6.3 -> 5.7.0",
        *("", "", ""),
    ]
    assert (line.newest, line.span) == ("506/s", "500/s to 506/s")
    drawn = sparkline(line)
    assert [len(piece.split()) for piece in drawn.pieces] == [3, 4]
    assert len(drawn.breaks) == 1
    heights = [mark.y for mark in drawn.marks]
    assert heights == sorted(heights, reverse=True)
    assert all(0 <= mark.x <= WIDTH and 0 <= mark.y <= HEIGHT for mark in drawn.marks)


def test_the_same_name_with_another_amount_of_work_is_another_series(tmp_path: Path) -> None:
    def measured(night: int, units: int) -> RunRecord:
        made = plain_run(night, 500)
        (cell,) = made.cells
        own = cell.model_copy(update={"measure": {"units": units}})
        return made.model_copy(update={"cells": (own,)})

    runs = [measured(0, 100), measured(1, 200), measured(2, 100)]
    content = overview(scan(store(tmp_path / "results", runs)), tmp_path)
    rows = content.scenarios[0].rows
    assert [(row.work, row.runs) for row in rows] == [("100 units", 2), ("200 units", 1)]
    assert all(line is not None for row in rows for line in row.lines)


def test_dots_that_rest_on_losses_are_marked(tmp_path: Path) -> None:
    made = plain_run(0, 500)
    (cell,) = made.cells
    lossy = [one.model_copy(update={"outcomes": Outcomes(ok=999, lost=1)}) for one in cell.blocks]
    bad = made.model_copy(update={"cells": (cell.model_copy(update={"blocks": tuple(lossy)}),)})
    found = _page(store(tmp_path / "results", [bad, plain_run(1, 500)]))
    assert found.count("circle", **{"class": "bad"}) == 4  # one dot in each metric's line
    assert found.count("circle") == 8
    # Not by its colour alone: larger and hollow, and in words.
    sizes = {a.get("class"): a["r"] for tag, a in found.tags if tag == "circle"}
    assert sizes == {"bad": "3", None: "2.5"}
    labels = [a["aria-label"] or "" for tag, a in found.tags if tag == "svg"]
    assert all("; 1 with units that did not end as they were meant to" in one for one in labels)


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    hostile = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[2J"
    made = records.run(
        records.cell(f"{hostile}/add/closed-8", records.block(0, 0)),
        scenario={"name": hostile, "question": hostile},
        run_id=f"20260101T000000Z-{'x' * 5}-abcdef",
    )
    folder = store(tmp_path / "results", [made])
    weird = folder / "a b'\"<&?#%"
    weird.mkdir()
    found = _page(folder)
    assert found.count("script") == 1
    assert found.count("img") == 0
    assert not [name for _, attributes in found.tags for name in attributes if name[:2] == "on"]
    assert r"alert(1)</script>" in found.text
    assert not [char for char in found.text if not char.isprintable()]
    assert "a b'\"<&?#%: no run.json: no run" in found.text


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    found = _page(store(tmp_path / "results", [plain_run(0, 500)]))
    assert not [tag for tag, attributes in found.tags if {"src", "srcset"} & attributes.keys()]
    assert found.count("link") == 0
    policy = next(a["content"] for _, a in found.tags if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none';")


def test_what_can_be_operated_is_a_native_control(tmp_path: Path) -> None:
    found = _page(store(tmp_path / "results", [plain_run(0, 500)]))
    assert found.count("button", type="button") == 7
    assert found.count("input", type="search") == 1
    assert found.count("summary") == 1
    assert found.count("svg", role="img") == 4
    assert all(a.get("aria-label") for tag, a in found.tags if tag == "svg")


def test_landmarks_and_what_scrolls_can_be_reached(tmp_path: Path) -> None:
    found = _page(store(tmp_path / "results", [plain_run(0, 500)]))
    assert found.count("main") == 1
    scrolling = [a for tag, a in found.tags if a.get("class") == "scroll"]
    assert len(scrolling) == 2
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in scrolling)


def test_two_hundred_runs_take_a_second_or_two(tmp_path: Path) -> None:
    runs = [paired_run(night, level) for night, level in enumerate(levels(200))]
    folder = store(tmp_path / "results", runs)
    began_s = time.process_time()
    found = _page(folder)
    # CPU time, which a busy machine does not multiply; an idle one takes 0.8 s.
    assert time.process_time() - began_s < 5
    assert found.count("circle") == 4 * 200
    assert found.count("details") == 200


# --- the command ----------------------------------------------------------------------------------


def test_the_command(tmp_path: Path) -> None:
    folder = store(tmp_path / "results", [plain_run(0, 500)])
    (folder / "stray").mkdir()
    written = harness("index", folder=tmp_path)
    assert (written.returncode, written.stdout) == (0, "wrote results/index.html: 1 run\n")
    assert "skipped results/stray" in written.stderr
    assert (folder / "index.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    again = harness("index", "--store", "results", "--output", "page.html", folder=tmp_path)
    assert again.stdout == "wrote page.html: 1 run\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--store", "nowhere"], "cannot read the store nowhere"),
        (["--output", "no/where/page.html"], "choose another place with --output"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, arguments: list[str], message: str) -> None:
    store(tmp_path / "results", [plain_run(0, 500)])
    failed = harness("index", *arguments, folder=tmp_path)
    assert failed.returncode == 2
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr


def test_an_empty_store_has_an_empty_page(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    assert harness("index", folder=tmp_path).returncode == 0
    assert "0 runs" in (tmp_path / "results/index.html").read_text(encoding="utf-8")
