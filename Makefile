# Two commands for a user: `make tour` and `make test`. Works with GNU make 3.81 (macOS) and later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# The theme's advertisement for its successor is no warning about our docs.
export NO_MKDOCS_2_WARNING := 1
UV := $(shell command -v uv 2>/dev/null)
BENCHMARKS := $(wildcard benchmarks/[!_]*.py)
WORKERS ?= 2

ifdef UV
PIP := $(UV) pip install --quiet --python $(BIN)/python
else
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.DEFAULT_GOAL := help
.PHONY: help setup test test-all check bench docs readme tour clean

help:
	@echo "make tour      set up, and see a real result from every package (about two minutes)"
	@echo "make test      set up, and run the default test suite (WORKERS=2)"
	@echo "make test-all  also the slow tests, with the extras bench, dask and ray"
	@echo "make check     lint, format, types, the house of imports, the docs"
	@echo "make bench     speed against the named peers (installs torch)"
	@echo "make docs      build the documentation into site/"
	@echo "make readme    regenerate the table in README.md from the recorded studies"
	@echo "make clean     remove $(VENV) and everything that was built"

$(BIN)/python:
	@if [ -n "$(UV)" ] && [ "$(origin PYTHON)" = "file" ]; then \
	  $(UV) venv --quiet --allow-existing --python '>=3.11' $(VENV); \
	else \
	  command -v "$(PYTHON)" >/dev/null || { \
	    echo "make: no '$(PYTHON)' here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python"; exit 1; }; \
	  "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "make: perturbax needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1)."; \
	    echo "      Name another (make PYTHON=python3.12), or install uv, which brings its own."; exit 1; }; \
	  "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "make: '$(PYTHON)' cannot make virtual environments."; \
	    echo "      On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }; \
	  "$(PYTHON)" -m venv $(VENV); \
	fi

# One stamp for each set of extras: installed again only when pyproject.toml changes.
$(VENV)/.tour: pyproject.toml | $(BIN)/python
	@echo "Installing perturbax into $(VENV) (once)"
	@$(PIP) --editable '.[data-mnist,transport]'
	@touch $@

$(VENV)/.setup: pyproject.toml | $(BIN)/python
	@echo "Installing perturbax with the tools to test and check it into $(VENV) (once)"
	@$(PIP) --editable '.[test,docs,check]'
	@touch $@

$(VENV)/.bench: $(VENV)/.setup
	@echo "Installing the peers of the benchmarks into $(VENV) (once; torch is large)"
	@$(PIP) --editable '.[bench]'
	@$(PIP) --no-deps k-diffusion==0.1.1.post1 torchcfm==1.0.7 deepinv==0.5.0 sigpy==0.1.27 auto-lirpa==0.3 \
		pyhessian==0.1 curvlinops-for-pytorch==3.0.1 backpack-for-pytorch==1.7.1 einconv==0.1.0 linear_operator==0.6.1 \
		unfoldNd==0.2.3 immrax==0.3.8 linrax==0.3.0 immutabledict==4.3.1 shapely==2.2.0 tabulate==0.10.0
	@touch $@

$(VENV)/.cluster: $(VENV)/.setup
	@echo "Installing dask and ray into $(VENV) (once)"
	@$(PIP) --editable '.[dask,ray]'
	@touch $@

setup: $(VENV)/.setup

# Threads of OpenBLAS spin while they wait, and every worker would have as many as there are cores.
test test-all: export OPENBLAS_NUM_THREADS = 1

test: setup
	$(RUN) pytest -q -n $(WORKERS) --dist worksteal

test-all: setup $(VENV)/.bench $(VENV)/.cluster
	$(RUN) pytest -q -n $(WORKERS) --dist worksteal -m "slow or not slow" --hypothesis-profile=thorough

check: setup
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) pyright
	$(BIN)/lint-imports --no-logo
	$(RUN) mkdocs build --strict --quiet

bench: $(VENV)/.bench
	@set -e; for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file; done

docs: setup
	$(RUN) mkdocs build --strict --quiet
	@echo "site/index.html"

readme: setup
	$(RUN) perturbax.report.readme

# Who develops has more than the tour needs already.
tour: $(if $(wildcard $(VENV)/.setup),$(VENV)/.setup,$(VENV)/.tour)
	$(BIN)/perturbax tour

clean:
	rm -rf $(VENV) site dist build perturbax-site perturbax-tour .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
