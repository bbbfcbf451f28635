"""The probe stays clean: the standard library and Celery, and nothing of the harness."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness.probe

PROBE = Path(harness.probe.__file__).parent
MODULES = sorted(path.relative_to(PROBE).as_posix() for path in PROBE.rglob("*.py"))
ALLOWED = sys.stdlib_module_names | {"celery", "kombu", "billiard"}
LATE = {
    "publishing/sending.py": {"redis"},
    "recording/sqs_requests.py": {"botocore"},
    "watching/rows.py": {"sqlalchemy"},
}
"""What Celery imports for a broker or backend, imported by us for the same one only."""


def imported(path: Path) -> set[str]:
    """Every module that the source names, wherever in the file the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names.add(node.module or "")
            if node.module == "harness":
                names |= {f"harness.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", MODULES)
def test_source_names_nothing_else(module: str) -> None:
    for name in imported(PROBE / module):
        if name.split(".")[0] == "harness":
            assert name == "harness.probe" or name.startswith("harness.probe."), name
        else:
            assert name.split(".")[0] in ALLOWED | LATE.get(module, set()), name


PLAIN_CELERY = """
from celery import Celery, chain, group, shared_task, signals, states
from celery.result import GroupResult
app = Celery(set_as_current=False, broker="memory://", backend="disabled://")
app.finalize()
app.backend
"""
TELL = "import json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
SPEC = {
    "settings": {"broker_url": "memory://", "result_backend": "disabled://"},
    "heavy_step_s": 0.0,
    "workload": {"units": "harness.probe.workloads.chord:Chord"},
    "packages": ["celery", "kombu"],
}


def loaded_by(program: str, **environ: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{TELL}"],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))  # the probe keeps standard output


@pytest.mark.parametrize("role", ["client", "observer", "worker"])
def test_a_clean_interpreter_loads_nothing_else(tmp_path: Path, role: str) -> None:
    """Beside what any Celery program loads: the probe, and standard library."""
    spec = tmp_path / "cell.json"
    spec.write_text(json.dumps(SPEC | {"events": str(tmp_path)}))
    program = f"import harness.probe.{'observer' if role == 'observer' else 'client'}"
    loaded = loaded_by(program, HARNESS_CELL_SPEC=str(spec), HARNESS_ROLE=role)
    ours = {name for name in loaded if name.split(".")[0] == "harness"}
    assert {name for name in ours if not name.startswith("harness.probe")} == {"harness"}
    plain = {name.split(".")[0] for name in loaded_by(PLAIN_CELERY)}
    more = {name.split(".")[0] for name in loaded} - plain
    assert more - sys.stdlib_module_names == {"harness"}
    assert loaded & {"numpy", "pydantic", "duckdb", "psutil", "rich", "boto3", "redis"} == set()


def test_the_package_itself_imports_nothing() -> None:
    """`import harness` runs in every worker."""
    assert imported(PROBE.parent / "__init__.py") <= {"__future__"}
