# `make run` and `make test` set up all they need; see README.md.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_WORKERS ?= 6
PYTEST_ARGS ?=

.PHONY: run test test-debian12 test-debian13 check format servers bench bench-verdicts bench-saturate layouts kills soak docs clean

## Measure scenarios/quickstart.yaml on an embedded server and print the report.
run: $(VENV)/.ready
	$(BIN)/harness run scenarios/quickstart.yaml

# Compiled first, with pytest's own assertions by pytest: where PYTHONDONTWRITEBYTECODE is set, each
# of a thousand processes would do it, and in any case each of pytest's.
## All tests, against real servers; installs what is missing (apt as root or by sudo).
test: $(VENV)/.ready-dev servers
	$(BIN)/python -m compileall -q harness tests
	@ls -d tests/*/ | PYTHONDONTWRITEBYTECODE= xargs -P 2 -n 12 $(BIN)/pytest -q --collect-only >/dev/null || true
	$(BIN)/pytest -n $(PYTEST_WORKERS) --durations=20 $(PYTEST_ARGS)

## All tests on the other generation, in a folder made by debootstrap; as root. PYTEST_ARGS="-k redis" selects.
test-debian12 test-debian13:
	tests/on_debian.sh $(if $(filter %13,$@),trixie,bookworm)

## Format, lint, types, layers, and that docs, schemas and examples are current.
check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/harness check configs scenarios benchmarks
	$(BIN)/harness schema --check
	$(BIN)/python docs/render_readme.py --check
	$(BIN)/python docs/render_diagnoses.py --check
	$(BIN)/python docs/render_figures.py --check
	$(BIN)/python docs/render_architecture.py --check
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: $(VENV)/.ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## RabbitMQ and Redis from Debian, and the SQS emulator's own environment.
servers: $(VENV)/.ready
	$(BIN)/harness doctor --fix

## Speed and truth claims, each as a ratio with its interval. An hour; BENCH_PAIRS, BENCH_COMPARISONS, BENCH_SAMPLES shorten it.
bench: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/analysis.py
	$(BIN)/python benchmarks/designs.py
	$(BIN)/python benchmarks/own_figures.py
	$(BIN)/python benchmarks/recorder_cost.py
	$(BIN)/python benchmarks/watching_cost.py
	$(BIN)/python benchmarks/publishing.py
	$(BIN)/python benchmarks/observer_cost.py
	$(BIN)/python benchmarks/in_flight.py
	$(BIN)/python benchmarks/agreement.py
	$(BIN)/python benchmarks/server_side.py
	$(BIN)/python benchmarks/aa.py
	$(BIN)/python benchmarks/speed_gate.py

## The claims of docs/verdicts.md, each run a line of BENCH_KEEP (verdicts.jsonl), so that sittings add up: BENCH_CLAIMS="same tenth task sleeps computes", BENCH_TIMES (1) runs of each.
bench-verdicts: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/verdicts.py $(BENCH_CLAIMS) --times $(or $(BENCH_TIMES),1) --keep $(or $(BENCH_KEEP),verdicts.jsonl)

## Two searches for saturation of the same thing, in pairs: do they agree within their ranges? BENCH_PAIRS (20), BENCH_BLOCKS (3), BENCH_STEP (3s).
bench-saturate: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/saturation.py

## SIGKILL at a hundred seeded moments, each run completed afterwards. Half an hour.
kills: $(VENV)/.ready-dev servers
	HARNESS_KILLS=100 $(BIN)/pytest -q -n 2 tests/runner/faults/test_kills.py

## One run for half an hour with random faults: nothing left over, memory flat. SOAK_MINUTES shortens it.
soak: $(VENV)/.ready servers
	$(BIN)/python benchmarks/soak.py

## Twelve layouts of projects, each measured as its maintainer would: the wheel, init, check, run. Ten minutes; a package index is needed once.
layouts: $(VENV)/.ready servers
	$(BIN)/python benchmarks/layouts.py

## Rebuild what is generated: JSON Schemas, the README's report and picture, the pages of diagnoses, figures and rooms.
docs: $(VENV)/.ready-dev
	$(BIN)/harness schema --write
	$(BIN)/python docs/render_readme.py
	$(BIN)/python docs/render_diagnoses.py
	$(BIN)/python docs/render_figures.py
	$(BIN)/python docs/render_architecture.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "python 3.11 or newer is needed; install it first (Debian: apt-get install python3 python3-venv)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "python 3.11 or newer is needed; $(PYTHON) is older. Say make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	@touch $@

# Not after `.ready`: that would be pip's whole work a second time.
$(VENV)/.ready-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/.ready $@
