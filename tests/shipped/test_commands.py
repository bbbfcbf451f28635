"""Commands about what is shipped, of the wheel, in an empty folder."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ExitCode
from tests.shipped.conftest import ROOT, Installed


def test_a_shipped_scenario_is_checked_by_its_name(installed: Installed) -> None:
    told = installed.harness("check", "quickstart", "redis")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("2 files, no problems\n")


def test_a_configuration_is_shown_as_it_is_written(installed: Installed) -> None:
    told = installed.harness("show-config", "redis")
    assert told.returncode == 0
    assert told.stdout == (ROOT / "configs/redis.yaml").read_text(encoding="utf-8")
    mistyped = installed.harness("show-config", "redsi")
    assert mistyped.returncode == ExitCode.USAGE
    assert mistyped.stderr == 'no configuration or scenario "redsi" (did you mean "redis"?)\n'


def test_a_copy_comes_with_its_configurations_and_overwrites_nothing(
    installed: Installed, tmp_path: Path
) -> None:
    own = tmp_path / "benchmarks/configs/redis.yaml"
    own.parent.mkdir(parents=True)
    text = (ROOT / "configs/redis.yaml").read_text(encoding="utf-8") + "# of mine\n"
    own.write_text(text, encoding="utf-8")
    told = installed.harness("copy", "retries", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[:3] == [
        "wrote benchmarks/scenarios/retries.yaml",
        "kept yours: benchmarks/configs/redis.yaml differs from the shipped one",
        "wrote benchmarks/configs/rabbitmq-redis.yaml",
    ]
    checked = installed.harness("check", "retries", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    assert "benchmarks/configs/redis.yaml is meant, not the shipped redis" in checked.stderr
    again = installed.harness("copy", "retries", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines()[:3] == [
        "there already, as shipped: benchmarks/scenarios/retries.yaml",
        "kept yours: benchmarks/configs/redis.yaml differs from the shipped one",
        "there already, as shipped: benchmarks/configs/rabbitmq-redis.yaml",
    ]
    assert own.read_text(encoding="utf-8") == text
    copied = (tmp_path / "benchmarks/scenarios/retries.yaml").read_text(encoding="utf-8")
    shipped = (ROOT / "scenarios/retries.yaml").read_text(encoding="utf-8")
    first, rest = shipped.split("\n", 1)
    assert first.endswith("$schema=../schemas/scenario.schema.json")  # which is not beside it
    assert copied == rest


def test_pages_are_read_in_the_terminal(installed: Installed) -> None:
    listed = installed.harness("docs").stdout.splitlines()
    named = {line.split()[0] for line in listed if line[:1].strip()}
    assert named >= {"verdicts", "faults", "decisions", "record", "changelog"}
    page = installed.harness("docs", "docs/verdicts.md")
    assert page.returncode == 0
    assert "`harness" not in page.stdout
    assert "harness docs scenarios" in page.stdout
    mistyped = installed.harness("docs", "verdict")
    assert mistyped.returncode == ExitCode.USAGE
    told = 'no page "verdict" (did you mean "verdicts"?); harness docs lists them\n'
    assert mistyped.stderr == told
