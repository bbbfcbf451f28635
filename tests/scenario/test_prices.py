"""Tables of prices: the one that comes along, and those that scenarios bring."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness.scenario.plan.loader import check_file
from harness.scenario.vendors.price_models import Prices, SqsPrices
from harness.scenario.vendors.prices import list_prices
from tests.scenario.project import Project

OWN = "sqs: {standard_dollars_per_million: 1, fifo_dollars_per_million: 2.5}"
READ = Prices(
    date="2026-11-01",
    sqs=SqsPrices(standard_dollars_per_million=1.0, fifo_dollars_per_million=2.5),
)


def test_the_table_that_comes_along() -> None:
    """Whoever changes a price changes the day, too: this test says which belong together."""
    prices = list_prices()
    assert date.fromisoformat(prices.date) >= date(2026, 6, 13)
    assert (prices.date, prices.region, prices.source) == (
        "2026-06-13",
        "us-east-1",
        "as three articles quoted them, not checked with aws.amazon.com/sqs/pricing",
    )
    assert prices.sqs == SqsPrices(
        standard_dollars_per_million=0.4, fifo_dollars_per_million=0.5, chunk_bytes=65536
    )


def test_a_scenario_brings_its_own(project: Project) -> None:
    assert project.plan().scenario.prices is None
    project.change(f'prices: {{date: "2026-11-01", {OWN}}}')
    assert project.plan().scenario.prices == READ


def test_a_path_is_taken_from_the_scenarios_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (project.folder / "mine.yaml").write_text(f'date: "2026-11-01"\n{OWN}\n', encoding="utf-8")
    project.change("prices: ../mine.yaml")
    assert project.plan().scenario.prices == READ
    assert check_file(project.scenario) == []


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("date: 2026\n" + OWN, ["mine.yaml:1:7: expected text, not 2026: put it in quotes"]),
        (
            'date: "June"\n' + OWN,
            ['mine.yaml:1:7: expected a day such as "2026-06-13"'],
        ),
        (
            f'date: "2026-11-01"\ndates: x\n{OWN}',
            ['mine.yaml:2:1: unknown key "dates" (did you mean "date"?)'],
        ),
        (
            'date: "2026-11-01"\nsqs: {standard_dollars_per_million: -1, '
            "fifo_dollars_per_million: cheap}",
            [
                "mine.yaml:2:37: must be at least 0.0, not -1",
                'mine.yaml:2:67: expected a number, not "cheap"',
            ],
        ),
        ("date: [", ["mine.yaml:2:1: a value is missing, or a [ or { before it is never closed"]),
    ],
)
def test_what_is_wrong_in_a_table_is_said_there(
    project: Project, table: str, expected: list[str]
) -> None:
    (project.folder / "scenarios/mine.yaml").write_text(f"{table}\n", encoding="utf-8")
    project.change("prices: mine.yaml")
    found = [problem.removeprefix("scenarios/") for problem in project.problems()]
    assert found == expected


def test_a_table_that_is_not_there(project: Project) -> None:
    project.change("prices: nowhere.yaml")
    assert project.problems() == [
        'scenarios/s.yaml:6:9: no table of prices "nowhere.yaml" beside the scenario'
    ]
