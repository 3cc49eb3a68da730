# Every target sets up what it needs: `make demo` and `make test` are all a new machine has to be told.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc)
SOURCES := genomics_dc kernels cohorts reference workflows tests

# Hail asks for older libraries than the rest: an environment of its own
HAIL_VENV := .venv-hail

.PHONY: help demo test test-exhaustive test-hail lint format bench clean packages-run packages-test

help: ## what there is to do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: packages-run $(VENV)/.run ## reads to report on real human data, into genomics-dc-demo/
	$(BIN)/genomics-dc demo --out genomics-dc-demo --cores $(CORES)

test: packages-test $(VENV)/.dev lint ## lint, types, import contract, then every test
	$(BIN)/pytest -n $(CORES) --dist loadgroup -q

test-exhaustive: packages-test $(VENV)/.dev ## the long forms: thousands of faults, killings and damages of a store
	$(BIN)/pytest -n $(CORES) --dist loadgroup -q -m exhaustive

test-hail: packages-run $(HAIL_VENV)/.hail ## the bridge to Hail and its numbers, in .venv-hail; after that `make test` runs it too
	$(HAIL_VENV)/bin/python -m pytest -q tests/hail

lint: $(VENV)/.dev ## format, lint, types, import contract
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check workflows

format: $(VENV)/.dev ## put the code in order
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/snakefmt workflows

bench: packages-test $(VENV)/.dev ## benchmarks beside the named peers, as ratios
	$(BIN)/python tests/benchmarks/workflow/own_cost.py --cores $(CORES)
	$(BIN)/python tests/benchmarks/association/bench_glm.py --threads $(CORES)

clean: ## remove the environment and caches, never data
	rm -rf $(VENV) $(HAIL_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

packages-run:
	@scripts/install-debian-packages run demo

packages-test:
	@scripts/install-debian-packages run demo test

$(VENV)/bin/python: | packages-run
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable .
	$(BIN)/genomics-dc doctor --compile
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable '.[dev]'
	# sgkit asks for Zarr 2 and reads Zarr 3 as well (tests/store/test_readers.py): without its own list of versions
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps sgkit==0.10.0
	$(BIN)/genomics-dc doctor --compile
	@touch $@ $(VENV)/.run

$(HAIL_VENV)/.hail: pyproject.toml constraints-hail.txt | packages-run
	$(PYTHON) -m venv $(HAIL_VENV)
	$(HAIL_VENV)/bin/pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints-hail.txt --editable '.[hail]' hypothesis pytest
	@touch $@
