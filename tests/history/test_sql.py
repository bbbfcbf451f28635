"""`harness sql`: tables over a store, that nothing can be done by it, and how it fails."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import duckdb
import pytest

from harness.cli import exit_code_of
from harness.errors import ExitCode, UsageError
from harness.results.store.catalog import scan
from harness.results.store.database import answered
from harness.results.store.run_folders import read_run
from harness.results.store.views import TABLES
from tests.cli.project import harness
from tests.history.queries import copied, rows
from tests.history.stores import levels, plain_run, store

# --- tables -------------------------------------------------------------------------------------


def test_the_tables_have_their_columns(reference: Path) -> None:
    for table, columns in TABLES.items():
        described = rows(reference, f"DESCRIBE {table}")
        assert [name for name, *_ in described] == [column.name for column in columns]
    assert [name for (name,) in rows(reference, "SHOW TABLES")] == sorted(TABLES)


def test_the_tables_say_what_the_record_says(reference: Path) -> None:
    record = read_run(reference / "run")
    assert rows(
        reference, "SELECT run_id, scenario, status, cores, packages['celery'] FROM runs"
    ) == [("one", "quickstart", "complete", 2, record.environment.packages["celery"])]
    assert rows(reference, "SELECT name FROM cells ORDER BY cell") == [
        (cell.name,) for cell in record.cells
    ]
    query = (
        "SELECT block, cell, throughput_per_s, latency_s.p99, queue_s.mean, ok, sound FROM blocks"
    )
    assert rows(reference, f"{query} ORDER BY block") == [
        (
            block.number,
            block.cell,
            block.throughput_per_s,
            block.latency_s.p99,
            block.phases_s["queue"].mean,
            block.outcomes.ok,
            True,
        )
        for block in record.blocks
    ]


def test_samples_belong_to_their_blocks(reference: Path) -> None:
    counted = "SELECT block, count(*) FROM units WHERE run_id = 'one' GROUP BY block ORDER BY block"
    blocks = read_run(reference / "run").blocks
    assert rows(reference, counted) == [(block.number, block.units) for block in blocks]
    joined = """
        SELECT cell_name, sum(tasks.executions), any_value(blocks.tasks)
        FROM tasks JOIN blocks USING (run_id, block) GROUP BY cell_name
    """
    for _, executions, tasks in rows(reference, joined):
        assert executions == tasks


def test_samples_are_read_only_where_they_are_asked_for(reference: Path) -> None:
    """`tasks` is a column of `blocks`, too."""
    shutil.rmtree(reference / "run/blocks")
    assert len(rows(reference, "SELECT tasks FROM blocks")) == 5
    with answered(scan(reference), "SELECT * FROM tasks") as answer:
        assert list(answer.rows) == []
        assert len(answer.columns) == len(TABLES["tasks"])
        (skipped,) = answer.skipped
    assert skipped.startswith("skipped the tasks of ")
    assert skipped.endswith("run, blocks 0, 1, 2, 3, 4: no such file")


def test_files_of_an_older_harness_may_lack_a_column(reference: Path) -> None:
    copied(reference, "older")
    path = reference / "older/blocks/000/units.parquet"
    with duckdb.connect() as database:
        relation = database.read_parquet(str(path)).select(
            duckdb.StarExpression(exclude=["lost_at"])
        )
        relation.write_parquet(str(path))
    assert rows(reference, "SELECT count(*) FROM units WHERE lost_at IS NOT NULL") == [(0,)]
    query = "SELECT run_id, count(*) FROM units GROUP BY run_id ORDER BY run_id"
    (_, older), (_, one) = rows(reference, query)
    assert older == one > 0


def test_columns_of_the_same_name_are_told_apart(reference: Path) -> None:
    with answered(scan(reference), "SELECT 1 AS a, 2 AS a, 3 AS a_1") as answer:
        assert answer.columns == ("a", "a_2", "a_1")
        assert list(answer.rows) == [(1, 2, 3)]


# --- nothing can be done by it ------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE x (i INTEGER)",
        "DELETE FROM runs",
        "INSERT INTO runs SELECT * FROM runs",
        "SELECT 1; SELECT 2",
        "SET threads = 1",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH 'FILE'",
        "COPY runs TO 'FILE'",
        "EXPORT DATABASE 'FILE'",
        "EXPLAIN ANALYZE SELECT 1",
        "CALL pragma_version()",
        "",
        "-- nothing",
    ],
)
def test_only_one_select(reference: Path, tmp_path: Path, query: str) -> None:
    with pytest.raises(UsageError, match="answers one SELECT"):
        rows(reference, query.replace("FILE", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('SECRET')",
        "SELECT * FROM read_text('SECRET')",
        "SELECT * FROM read_blob('SECRET')",
        "SELECT * FROM 'SECRET'",
        "SELECT * FROM glob('SECRET*')",
        "SELECT * FROM sniff_csv('SECRET')",
        "SELECT * FROM query('FROM read_text(''SECRET'')')",
        "SELECT * FROM read_text('STORE/run/run.json')",
        "SELECT * FROM read_text('STORE/run/blocks/000/../../run.json'), units",
        "SELECT getenv('PATH')",
        "WITH x AS (COPY runs TO 'OUT') SELECT 1",
        "WITH x AS (COPY runs TO 'STORE/run/blocks/000/units.parquet') SELECT 1 FROM units",
        "WITH x AS MATERIALIZED (COPY runs TO 'STORE/run/blocks/000/tasks.parquet') FROM tasks",
        "SELECT * FROM catalog",
        "SELECT * FROM samples",
    ],
)
def test_no_file_can_be_reached(reference: Path, tmp_path: Path, query: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nopen sesame\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in reference.rglob("*") if path.is_file()}
    places = {"SECRET": secret, "STORE": reference, "OUT": tmp_path / "out.csv"}
    for word, path in places.items():
        query = query.replace(word, str(path))
    with pytest.raises(UsageError) as caught:
        rows(reference, query)
    assert "sesame" not in str(caught.value)
    assert not (tmp_path / "out.csv").exists()
    assert before == {path: path.read_bytes() for path in reference.rglob("*") if path.is_file()}


def test_secrets_in_the_home_folder_are_not_looked_at(reference: Path) -> None:
    assert rows(reference, "SELECT current_setting('allow_persistent_secrets')") == [(False,)]
    assert rows(reference, "SELECT * FROM duckdb_secrets()") == []


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "SELECT nope FROM runs",
            'at line 1, column 8: Binder Error: Referenced column "nope" not',
        ),
        ("SELECT 1\nFROM runs\nWHERE foo = 1", "at line 3, column 7: Binder Error"),
        ("SELECT 'üñí', nope", "at line 1, column 15: Binder Error"),
        ("SELEC 1", 'at line 1, column 1: Parser Error: syntax error at or near "SELEC"'),
        ("SELECT * FROM unitz", "at line 1, column 15: Catalog Error: Table with name unitz"),
        ("SELECT CAST('x' AS INTEGER)", "at line 1, column 8: Conversion Error"),
        ("SELECT error('a\nb')", "the query failed: Invalid Input Error: a (b)"),
        ("SELECT ?", "the query failed: Invalid Input Error: "),
        ("SELECT '\udcff'", "the query is not UTF-8 text"),
    ],
)
def test_an_error_is_one_line_with_its_place(reference: Path, query: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        rows(reference, query)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "EXPLAIN" not in str(caught.value)


def test_a_time_with_a_zone_is_shown_or_its_cast_is_named(reference: Path) -> None:
    """DuckDB before 2.0.1 needs pytz for it."""
    try:
        answer = str(rows(reference, "SELECT now()"))
    except UsageError as error:
        answer = str(error)
    assert "cast it, as in now()::timestamp" in answer or "datetime" in answer


# --- the command --------------------------------------------------------------------------------


def test_the_formats(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = """
        SELECT 'a' AS t, 2.50 AS n, 0.1::DOUBLE AS d, NULL AS nothing, true AS yes,
            {'x': [1, 2.5]} AS s, '=1+1' AS formula, 'NaN'::DOUBLE AS nan, DATE '2026-01-02' AS day
    """

    def said(form: str) -> str:
        words = ["sql", query, "--format", form, "--store", str(reference)]
        assert exit_code_of(words) == ExitCode.PASS
        return capsys.readouterr().out

    assert json.loads(said("json")) == [
        {
            "t": "a",
            "n": 2.5,
            "d": 0.1,
            "nothing": None,
            "yes": True,
            "s": {"x": [1, 2.5]},
            "formula": "=1+1",
            "nan": None,
            "day": "2026-01-02",
        }
    ]
    ((*names,), (*values,)) = csv.reader(io.StringIO(said("csv")))
    assert dict(zip(names, values, strict=True)) == {
        "t": "a",
        "n": "2.50",
        "d": "0.1",
        "nothing": "",
        "yes": "true",
        "s": '{"x": [1.0, 2.5]}',
        "formula": "'=1+1",
        "nan": "nan",
        "day": "2026-01-02",
    }
    head, row, count = said("text").splitlines()
    assert (head.split()[:4], count) == (["t", "n", "d", "nothing"], "(1 row)")
    assert row.split()[:4] == ["a", "2.50", "0.1", "-"]


@pytest.mark.parametrize("form", ["text", "csv", "json"])
def test_no_row(reference: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    words = ["sql", "SELECT run_id FROM runs WHERE false", "--format", form]
    assert exit_code_of([*words, "--store", str(reference)]) == ExitCode.PASS
    assert (
        capsys.readouterr().out
        == {
            "text": "run_id\n(0 rows)\n",
            "csv": "run_id\n",
            "json": "[\n]\n",
        }[form]
    )


def test_the_command(tmp_path: Path) -> None:
    """As installed: the query from an argument, the store beside; skipped folders are named."""
    results = store(tmp_path / "results", [plain_run(0, 500)])
    (results / "\x1b[31m").mkdir()
    done = harness("sql", "SELECT scenario, count(*) AS n FROM runs GROUP BY ALL", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.split() == ["scenario", "n", "nightly", "1", "(1", "row)"]
    assert done.stderr == "skipped results/\\x1b[31m: no run.json: no run\n"
    wrong = harness("sql", "SELECT", folder=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Traceback" not in wrong.stderr


def test_a_query_from_standard_input(
    reference: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sql", "-", "--format", "csv", "--store", str(reference)]
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 1 AS one\n;\n"))
    assert exit_code_of(words) == ExitCode.PASS
    assert capsys.readouterr().out == "one\n1\n"
    binary = io.TextIOWrapper(io.BytesIO(b"SELECT \xff"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", binary)
    assert exit_code_of(words) == ExitCode.USAGE
    assert capsys.readouterr().err == "the query on standard input is not UTF-8 text\n"


def test_no_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["sql", "SELECT 1", "--store", "nowhere"]) == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "cannot read the store nowhere: No such file or directory; name the folder that holds the "
        "runs with --store\n"
    )


def test_no_temporary_folder(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"no temporary folder for the query: .*TMPDIR"):
        rows(reference, "SELECT 1")


def test_nothing_is_left_behind(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = sorted(reference.rglob("*"))
    rows(reference, "SELECT count(*) FROM units")
    with pytest.raises(UsageError):
        rows(reference, "SELECT nope FROM units")
    assert list(scratch.iterdir()) == []
    assert sorted(reference.rglob("*")) == before


def test_many_runs(tmp_path: Path) -> None:
    folder = store(tmp_path / "store", [plain_run(n, 500 * x) for n, x in enumerate(levels(200))])
    query = "SELECT count(DISTINCT run_id), count(*) FROM blocks"
    assert rows(folder, query) == [(200, 600)]
