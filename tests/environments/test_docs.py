"""What docs/versions.md says works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from harness.report.tables.layers import layer_sentence
from harness.results.record.comparison import LayerPath, LayerStep, StepVerdict
from harness.scenario.plan.loader import check_file
from harness.scenario.settings.celery_sets import FLOORS, KNOWN

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/versions.md").read_text(encoding="utf-8")


def test_the_table_of_versions_is_that_of_the_code() -> None:
    rows = dict(re.findall(r"^\| (\d\S+) \| (kombu .*) \|$", TEXT, re.MULTILINE))
    pins = {version: [pin.replace("==", " ") for pin in one.pins] for version, one in KNOWN.items()}
    assert {version: words.split(", ") for version, words in rows.items()} == pins


def test_the_table_of_pythons_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\w+) \| (\S+) \| (\d)\.(\d+) and newer \|$", TEXT, re.MULTILINE)
    assert [(name, version, (int(x), int(y))) for name, version, x, y in rows] == [
        (floor.package, floor.version, floor.python) for floor in FLOORS
    ]


def test_the_yaml_is_valid(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    scenario, mine, configuration = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    written = {
        "scenarios/upgrade.yaml": scenario,
        "configs/mine.yaml": mine,
        "configs/shop.yaml": configuration,
    }
    for path, text in written.items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
        assert check_file(target) == []


def test_the_documented_sentences_are_those_of_reports() -> None:
    documented = set(re.findall(r"^\| `([^`]*)` \| ", TEXT, re.MULTILINE))
    layers = ("client library", "kombu", "Celery")

    def step(layer: str, verdict: StepVerdict) -> LayerStep:
        return LayerStep(layer=layer, pairs=10, confidence=0.95, verdict=verdict)

    def said(whole: StepVerdict, *verdicts: StepVerdict) -> str:
        steps = tuple(step(*one) for one in zip(layers, verdicts, strict=True))
        whole_step = step("", whole)
        return layer_sentence(
            LayerPath(base="a", head="b", metric="m", steps=steps, whole=whole_step)
        )

    none: tuple[StepVerdict, ...] = ("inconclusive",) * 3
    assert documented == {
        said("slower", "no_change", "slower", "no_change"),
        said("faster", "faster", "no_change", "slower"),
        said("slower", *none),
        said("no_change", "no_change", "slower", "faster"),
        said("no_change", "no_change", "no_change", "no_change"),
        said("inconclusive", *none),
    }
