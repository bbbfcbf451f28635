"""The documents say what the code does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from harness.cli import INTERRUPTED, PIPE_CLOSED
from harness.errors import ExitCode
from harness.report.formats.as_csv import COLUMNS
from harness.report.words.warnings import WARNINGS
from harness.results.record.run import RunRecord
from harness.results.store.run_folders import read_run
from harness.results.store.views import TABLES
from harness.scenario.plan.loader import check_file

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results/reference"
RESULTS = (ROOT / "results/README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "results/README.md")
)


RECORD = RunRecord.model_json_schema()
MODELS = {"RunRecord": RECORD, **RECORD["$defs"]}
"""The record and all that it is made of, whichever module says so."""


@pytest.mark.parametrize("model", MODELS)
def test_every_field_of_the_record_is_documented(model: str) -> None:
    assert not [name for name in MODELS[model]["properties"] if f"`{name}`" not in RESULTS]


@pytest.mark.parametrize("name", ["units", "tasks"])
def test_every_column_of_the_samples_is_documented(name: str) -> None:
    (section,) = re.findall(rf"^## {name}\.parquet\n(.*?)^## ", RESULTS, re.DOTALL | re.MULTILINE)
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    documented = {
        column: kind for names, kind, _ in rows for column in re.findall(r"`(\w+)`", names)
    }
    with duckdb.connect() as database:
        samples = database.read_parquet(f"{REFERENCE}/blocks/*/{name}.parquet")
        found = dict(zip(samples.columns, map(str, samples.types), strict=True))
    # The reference may be older than a column.
    known = {one.name: one.type for one in TABLES[name] if one.name not in ("run_id", "block")}
    assert documented == known | found


def test_every_column_of_the_csv_is_documented_in_order() -> None:
    section = RESULTS.partition("## harness report --format csv")[2]
    firsts = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(firsts)) == list(COLUMNS)


def test_the_examples_of_the_results_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (query,) = re.findall(r'duckdb\.sql\("""(.*?)"""\)', RESULTS, re.DOTALL)
    with duckdb.connect() as database:
        counts = {outcome: count for outcome, count, _ in database.execute(query).fetchall()}
    assert counts == {"ok": sum(block.outcomes.ok for block in read_run(REFERENCE).blocks)}


def test_the_scenario_of_the_readme_is_valid(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(name: late-acks\n.*?)```", readme, re.DOTALL)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    scenario = tmp_path / "scenarios/late-acks.yaml"
    scenario.parent.mkdir()
    scenario.write_text(text, encoding="utf-8")
    assert check_file(scenario) == []


def test_every_warning_is_documented() -> None:
    text = (ROOT / "docs/measuring.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text.partition("## Warnings")[2], re.MULTILINE)
    assert not [code for code in WARNINGS if f"| `{code}` |" not in text]


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs/exit-codes.md").read_text(encoding="utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert documented == {*map(int, ExitCode), INTERRUPTED, PIPE_CLOSED}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / document).parent / path if path else ROOT / document
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(_anchor, headings), target


def _anchor(heading: str) -> str:
    """As GitHub makes it: no punctuation but - and _."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_reference_run_names_nobody_and_is_small() -> None:
    page = REFERENCE / "report.html"  # not kept in git, but somebody may have made it
    files = [path for path in REFERENCE.rglob("*") if path.is_file() and path != page]
    assert {path.suffix for path in files} == {".json", ".parquet", ".md", ".svg"}
    assert sum(path.stat().st_size for path in files) < 500_000
    assert read_run(REFERENCE).status == "complete"
