# Two commands do everything on a fresh machine with Python 3.11+, venv, pip and make:
#   make demo    sets up and runs the main job
#   make test    sets up and passes the tests
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK_TOOLS := .lock-tools
LOCK := $(LOCK_TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

.DEFAULT_GOAL := help

# print the targets
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z]+:/{split($$1,name,":"); printf "make %-8s %s\n", name[1], text}' Makefile

# make .venv with quickbooks-sync in it
setup: $(VENV)/.project

# run the main job: emulator, database, Prefect and three flows (ONCE=1 ends by itself)
demo: $(VENV)/.project
	$(BIN)/quickbooks-sync demo $(if $(ONCE),--once) $(if $(JSON),--json)

# run all tests
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST)

# prove the promises: simulated schedules under new seeds, planted bugs, crash points, killed processes
prove: $(VENV)/.dev
	$(BIN)/python -m tests.simulation --schedules 20000
	$(BIN)/python -m tests.simulation --mutants
	$(BIN)/python -m tests.simulation --canary
	$(BIN)/python -m tests.simulation --crash-points
	$(BIN)/python -m tests.simulation --same-trace --schedules 200
	$(BIN)/python -m tests.simulation --schedules 1000 --books emulator
	$(BIN)/python -m tests.acceptance.kill --runs 12 --database sqlite
	$(BIN)/python -m tests.acceptance.kill --runs 12 --database postgresql

# scale out: Prefect on PostgreSQL and Redis, two workers, 200 companies, and one worker killed (JSON=1)
scale: $(VENV)/.scale
	$(BIN)/python -m tests.acceptance.scale $(SCALE)

# check style and import direction
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

# check types
types: $(VENV)/.dev
	$(BIN)/mypy

# measure all lines of docs/performance.md beside peers, in a quarter of an hour, and write it anew
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# resolve requirements/*.in into hashed, host-free locks
lock:
	test -x $(LOCK_TOOLS)/bin/uv || { $(PY) -m venv $(LOCK_TOOLS) && $(LOCK_TOOLS)/bin/pip install -q uv; }
	for set in runtime dev; do \
		$(LOCK) requirements/$$set.in -o requirements/$$set.lock || exit 1; \
	done
	for set in server scale; do \
		$(LOCK) -c requirements/runtime.lock -c requirements/dev.lock \
			requirements/$$set.in -o requirements/$$set.lock || exit 1; \
	done

# remove what the other targets made
clean:
	rm -rf $(VENV) $(LOCK_TOOLS) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/.runtime: requirements/runtime.lock
	$(PY) -m venv $(VENV)
	$(PIP) install --no-deps --require-hashes -r requirements/runtime.lock
	touch $@

$(VENV)/.project: $(VENV)/.runtime pyproject.toml
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.project requirements/dev.lock
	$(PIP) install --no-deps --require-hashes -r requirements/dev.lock
	touch $@

$(VENV)/.scale: $(VENV)/.dev requirements/scale.lock
	$(PIP) install --no-deps --require-hashes -r requirements/scale.lock
	touch $@

.PHONY: help setup demo test prove scale lint types bench lock clean
