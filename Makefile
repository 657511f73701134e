# Commands for developers. They need Python 3.11 or newer, make, and a package index.
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Number of test processes, with one thread each.
WORKERS ?= 2

BIN := $(VENV)/bin
ENVIRONMENT := $(VENV)/.installed
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile
PLUGINS := $(patsubst %/pyproject.toml,%,$(sort $(wildcard plugins/*/pyproject.toml)))
BENCHMARKS = $(filter-out %/experiment.py %/turns.py,$(sort $(wildcard benchmarks/*.py plugins/*/benchmarks/*.py)))

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint format bench reliability dist clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(ENVIRONMENT) ## install seqlab, its plugins (editable) and the development tools into .venv

demo: $(ENVIRONMENT) ## train and evaluate a small tagger
	$(BIN)/seqlab train experiment=demo

test: $(ENVIRONMENT) ## run the default tests
	$(PYTEST) -m "not slow"

test-slow: $(ENVIRONMENT) ## run the slow tests: packaging, releases, training runs
	$(PYTEST) -m slow

lint: $(ENVIRONMENT) ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(ENVIRONMENT) ## fix style and format automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(ENVIRONMENT) ## run all benchmarks, which print speed ratios
	@test -n "$(BENCHMARKS)" || { echo "no benchmark: benchmarks/ has no .py file" >&2; exit 1; }
	@set -e; for file in $(BENCHMARKS); do echo "== $$file"; PYTHONPATH=benchmarks $(BIN)/python $$file; done

reliability: $(ENVIRONMENT) ## attack seqlab with damaged and hostile files and kills, for an hour or more
	$(BIN)/python reliability

dist: $(ENVIRONMENT) ## build the sdist and, from it, the wheel into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## remove the environment, builds and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(ENVIRONMENT): pyproject.toml constraints.txt $(PLUGINS:%=%/pyproject.toml)
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "no Python found (PYTHON is '$(PYTHON)'): install Python 3.11 or newer, or pass its path: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$("$(PYTHON)" -V 2>&1); seqlab needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/pip || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' $(PLUGINS:%=--editable ./%)
	touch $@
