# The only front. `make` alone lists what there is.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON ?= $(shell scripts/find-python 3.11+)
BIN := .venv/bin
MAINSTAY := $(BIN)/mainstay --file boxoffice/mainstay.toml
LONG := --only failovers --only scramble --only fifty-kills --only rollouts --only frozen --only soak
LOCKED := pyproject.toml $(wildcard requirements/*.txt) scripts/environment

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

%/ready: $(LOCKED)
	@scripts/environment $* "$(PYTHON)"

.venv-bugsink/ready: .venv/ready requirements/bugsink.txt
	@scripts/bugsink

.PHONY: setup
setup: .venv/ready ## Install the locked environment into .venv

.PHONY: system
system: ## Install the Debian packages that some tests use (as root), or print the line to type
	@scripts/system-packages

.PHONY: up
up: .venv/ready ## Start boxoffice, the reference system, and show it
	$(MAINSTAY) up

.PHONY: down
down: .venv/ready ## Stop boxoffice; its data stays
	$(MAINSTAY) down

.PHONY: test
test: .venv/ready .venv-bugsink/ready system ## Run every test; ARGS="-k name" narrows it down
	@scripts/test $(ARGS)

.PHONY: check
check: .venv/ready ## Format, lint, types, import arrows, security, workflows, docs
	@$(BIN)/python scripts/check.py $(ARGS)

.PHONY: bench
bench: .venv/ready ## Measure side by side and print ratios
	$(BIN)/python -m bench.run $(ARGS)

.PHONY: figures
figures: .venv/ready ## Try the long claims behind the documented figures; ARGS="--only soak" is one of them
	$(BIN)/mainstay --file boxoffice/figures.toml prove $(or $(ARGS),$(LONG))

.PHONY: prove
prove: .venv/ready ## Load boxoffice, break it on purpose, show what held; ARGS="--quick" is short
	$(MAINSTAY) prove $(ARGS)

.PHONY: mutants
mutants: .venv/ready ## Switch on one defect after the other: each must be found by its claim
	$(BIN)/python -m tests.mutants $(ARGS)

.PHONY: suites
suites: .venv/ready ## Run Django's own tests on the fast handler and compare; ARGS="--quick" is short
	@scripts/suites $(ARGS)

.PHONY: docs
docs: .venv/ready ## Build the documentation into site/
	$(BIN)/python -m scripts.docs

.PHONY: lock
lock: .venv/ready ## Resolve the dependencies again and write requirements/
	scripts/lock $(ARGS)

.PHONY: build
build: .venv/ready ## Build the source archive and the wheel into dist/
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --clear --out-dir dist
	$(BIN)/python scripts/inspect_wheel.py dist

.PHONY: clean
clean: ## Remove what the targets above made, but no system's data
	rm -rf .venv .venv-* dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
