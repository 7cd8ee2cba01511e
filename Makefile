# Two commands on a fresh machine: `make demo` and `make test`. Both need Python 3.11 or newer and the package registries.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test check lint types unit soak format bench drills clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Lambent needs Python 3.11 or newer; none was found. Set PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) scripts/setup.py venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@$(BIN)/python scripts/setup.py install $(VENV)

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@$(BIN)/python scripts/setup.py install-dev $(VENV)

install: $(VENV)/.installed  ## Set up .venv with Lambent

install-dev: $(VENV)/.installed-dev  ## Set up .venv with Lambent and what its developers use

demo: $(VENV)/.installed  ## Start Lambent, deploy the thumbnailer, upload a photograph, show what happened
	@$(BIN)/lambent demo

test: $(VENV)/.installed-dev  ## All checks and tests, from nothing
	@$(MAKE) --no-print-directory lint types
	$(BIN)/pytest tests

check: $(VENV)/.installed-dev lint types unit  ## Lint, types, conventions and unit tests, in under a minute

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check src tests bench apps scripts
	@$(BIN)/ruff format --check src tests bench apps scripts
	@$(BIN)/lint-imports --no-cache >/tmp/lambent-imports.$$$$ 2>&1 || { cat /tmp/lambent-imports.$$$$; rm -f /tmp/lambent-imports.$$$$; exit 1; }; rm -f /tmp/lambent-imports.$$$$

types: $(VENV)/.installed-dev
	@$(BIN)/mypy

unit: $(VENV)/.installed-dev
	@$(BIN)/pytest tests -m "not slow and not e2e"

SECONDS ?= 3600
soak: $(VENV)/.installed-dev  ## Simulate the cloud with new seeds for SECONDS=3600; a failure says how to replay it
	@$(BIN)/python -m tests.simulation --seconds $(SECONDS)

format: $(VENV)/.installed-dev  ## Put the code into its one form
	@$(BIN)/ruff check --fix-only src tests bench apps scripts
	@$(BIN)/ruff format src tests bench apps scripts

bench: $(VENV)/.installed-dev  ## Measure, and print the table of bench/README.md
	@$(BIN)/python -m bench

drills: $(VENV)/.installed-dev  ## Do every fault of docs/reliability.md to three nodes under load; a quarter of an hour
	@$(BIN)/python -m tests.drills

clean:  ## Remove the environment and caches (data folders of running clouds are left alone)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
