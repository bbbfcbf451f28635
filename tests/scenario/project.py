"""A small project on disk for the tests of this folder: one configuration, one scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import InvalidInput
from harness.scenario.models.scenario import Plan
from harness.scenario.plan.loader import load_plan

CONFIGURATION = "name: c\nbroker: {service: redis}\nbackend: {service: redis}\n"
SCENARIO = "name: s\nconfigurations: [c]\nworkloads: [add]\nloads: [closed]\nmeasure: {units: 5}\n"


@dataclass(frozen=True)
class Project:
    """`configs/` and `scenarios/` in a folder of the test's own."""

    folder: Path

    @property
    def scenario(self) -> Path:
        return self.folder / "scenarios" / "s.yaml"

    def configuration(self, text: str, name: str = "c") -> Path:
        path = self.folder / "configs" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def change(self, line: str) -> None:
        """Replace the line with the same key in the scenario, add it, or with `-key` remove it."""
        key = line.removeprefix("-").split(":")[0]
        old = self.scenario.read_text(encoding="utf-8").splitlines()
        new = [] if line.startswith("-") else [line]
        place = next((n for n, text in enumerate(old) if text.startswith(f"{key}:")), len(old))
        lines = [*old[:place], *new, *old[place + 1 :]]
        self.scenario.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")

    def plan(self, *sets: str) -> Plan:
        return load_plan(self.scenario, sets=sets)

    def problems(self, *sets: str, **arguments: object) -> list[str]:
        """What load_plan complains about, paths shortened to the file's name."""
        try:
            load_plan(self.scenario, sets=sets, **arguments)  # type: ignore[arg-type] # passed on
        except InvalidInput as error:
            return [str(one).replace(f"{self.folder}/", "") for one in error.problems]
        return []


def make_project(folder: Path) -> Project:
    for name in ("configs", "scenarios"):
        (folder / name).mkdir()
    project = Project(folder)
    project.configuration(CONFIGURATION)
    project.scenario.write_text(SCENARIO, encoding="utf-8")
    return project
