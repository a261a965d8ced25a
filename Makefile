# Needs Python 3.10 or newer, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

# Where Python is told to keep no compiled modules, as in many images of containers, each process
# would compile dlt anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo docs test test-all test-long test-schedulers lint destinations bench clean

# The main job against the bundled API server: no key, no account, nothing spent.
demo: .venv/demo
	mkdir -p demo
	cd demo && ../$(BIN)/amplemarket run people --sandbox

# Lint, format, types, layers, and all tests that need nothing but Python.
test: lint
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow"

# What `make test` leaves out: every guarantee on every destination, on servers and emulators that
# are started here; schedulers; runs killed everywhere; upgrades; random sequences.
test-all: .venv/all
	$(BIN)/python -m tests.environments
	$(BIN)/pytest -n 2 --dist loadgroup -m "slow and not long"

# What takes minutes each, and is shown in another way by test-all.
test-long: .venv/all
	$(BIN)/python -m tests.environments
	$(BIN)/pytest -n 2 --dist loadgroup -m long

# Of test-all the examples for Airflow, Prefect and Dagster with dbt, each in an environment that is
# made for it.
test-schedulers: .venv/dev
	$(BIN)/pytest -n 2 --dist loadgroup -m schedulers

# The table of destinations by guarantees, and what information_schema says of the warehouses.
destinations: .venv/dev
	$(BIN)/python -m tests.destinations
	$(BIN)/python -m tests.destinations.side_by_side

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The pages, in docs/_build/html/index.html.
docs: .venv/all
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs docs/_build/html

# The table of ratios against plain dlt and DuckDB alone; an hour on two cores.
bench: .venv/bench
	$(BIN)/python -m benchmarks

# Not compiled in advance: most of what is installed is never imported.
.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/demo: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[sandbox]'
	touch $@

.venv/dev: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[dev]'
	touch $@ .venv/demo

.venv/all: .venv/dev
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[all]'
	touch $@

.venv/bench: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[bench]'
	touch $@

clean:
	rm -rf .venv demo
