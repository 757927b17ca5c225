.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS = never

##@ Use
help: ## List every verb
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.runtime ## Make .venv and install the locked dependencies

run: install ## Start everything on this machine, train on sample data, stay up until Ctrl-C
	@exec $(BIN)/ml-training up --sample

demo: install ## Like run, but exits with 0 after the sample jobs
	@exec $(BIN)/ml-training up --sample --exit

##@ Develop
test: $(VENV)/.dev ## Lint, types, architecture and the whole suite on SQLite and PostgreSQL, with a real Redis
	@$(MAKE) --no-print-directory lint types arch
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

property: $(VENV)/.dev ## Draw SPECS=5000 jobs with SEED=1, good and bad, and hold the service to its promises
	SPECS=$(or $(SPECS),5000) SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/property

lint: $(VENV)/.dev ## Style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

arch: $(VENV)/.dev ## Who may import whom
	$(BIN)/lint-imports

verify: $(VENV)/.dev ## Check every invariant of the database and files of DATA_DIR
	$(BIN)/python -m ml_training.maintenance.verify

faults: $(VENV)/.dev ## Every directed fault test, those too that take minutes; some of them: ARGS="-k postgresql"
	$(BIN)/python -m pytest -m "" tests/faults $(ARGS)

chaos: $(VENV)/.dev ## Load and faults at random, then the verdict: SEED=1 MINUTES=5 DATABASE=postgresql (or sqlite)
	@$(BIN)/python -m tests.faults.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),5) --database $(or $(DATABASE),postgresql)

mutants: $(VENV)/.dev ## Take each guard away in turn: its test must fail; some of them: ARGS="fence"
	@$(BIN)/python -m tests.faults.mutants $(ARGS)

bench: $(VENV)/.dev ## Measure the way of a small job, on this machine
	$(BIN)/python -m tests.bench

bench-exporter: $(VENV)/.dev ## Measure the exporter beside 1,000,000 jobs; smaller: ARGS="--jobs 20000 --events 20000"
	$(BIN)/python -m tests.bench.exporter $(ARGS)

dashboards: $(VENV)/.dev ## Build the dashboards' JSON from code
	$(BIN)/python -m dashboards.build

observe: $(VENV)/.dev ## Ask a real Prometheus every query of dashboards and rules while the service works
	@$(BIN)/python -m tests.observe

screenshots: $(VENV)/.dev ## Draw the dashboards with Grafana's scene engine; needs npm and chromium
	@$(BIN)/python -m tests.observe --screenshots docs/screenshots

lock: $(VENV)/.dev ## Resolve the dependencies again and write requirements/
	$(BIN)/python -m requirements.lock

clean: ## Remove the environment and everything generated
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .import_linter_cache

##@ (how the environment is made)
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt setup.cfg pyproject.toml | $(VENV)/bin/python
	@sh requirements/install.sh $(BIN) requirements/runtime.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt setup.cfg pyproject.toml | $(VENV)/bin/python
	@sh requirements/install.sh $(BIN) requirements/dev.txt
	@touch $@ $(VENV)/.runtime

.PHONY: help install run demo test property lint types arch verify faults chaos mutants bench bench-exporter dashboards observe screenshots lock clean
