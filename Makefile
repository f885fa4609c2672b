# All set-up is done by the targets themselves: `make demo` and `make test` work from a fresh clone.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
VERSION ?= 2.3

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv and the tools: everything that the other targets need
	@$(BIN)/python -m tools.toolchain

demo: $(READY) ## Run the main job end to end on this machine: a claim, its resources, a job, its result
	@$(BIN)/python -m tools.demo $(ARGS)

test: setup lint ## Lint, types, import rules, then all tests on real servers
	$(BIN)/pytest -n 2 --ignore=tests/cluster --ignore=tests/upgrade --ignore=tests/clients $(ARGS)

test-upgrade: $(READY) ## Test the image that landed last and this checkout side by side, each going on with the other's jobs
	@$(BIN)/python -m tests.upgrade.landed
	$(BIN)/pytest -n 2 tests/upgrade $(ARGS)

test-clients: $(READY) ## Test with LangGraph's JavaScript clients, which are installed first; needs Node.js
	npm ci --prefix tests/clients/js --no-audit --no-fund
	$(BIN)/pytest tests/clients $(ARGS)

cluster: $(READY) ## Run a real control plane and the function here until Ctrl-C; VERSION=1.20 or 1.16 for Crossplane v1
	@$(BIN)/python -m tools.cluster.parts $(VERSION)
	@$(BIN)/python -m tools.cluster --version $(VERSION)

cluster-reload: $(READY) ## Give the cluster that runs the function and the XRD as they are now
	@$(BIN)/python -m tools.cluster --reload

test-cluster: $(READY) ## Test the whole path on a real control plane; VERSION=1.20 or 1.16 for Crossplane v1
	@$(BIN)/python -m tools.cluster.parts $(VERSION)
	CLUSTER_VERSION=$(VERSION) $(BIN)/pytest --timeout=300 tests/cluster/v$(firstword $(subst ., ,$(VERSION))) $(ARGS)

lint: $(READY) ## Check style, types, the import rules, workflows, Dockerfiles and scripts
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m tools.lint

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

golden: setup ## Rewrite the golden files from what the function renders now
	$(BIN)/pytest tests/golden --update-golden $(ARGS)

reference: $(READY) ## Write the pages that come from the code
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.apis
	$(BIN)/python -m tools.capacity

bench: $(READY) ## Measure jobs per second and memory beside baselines, in one run
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: $(READY) ## Attack the promise from outside, in three minutes; CHAOS_JOBS, CHAOS_SECONDS, CHAOS_SEED, ARGS=--help
	@$(BIN)/python -m tests.chaos $(ARGS)

lock: $(READY) ## Resolve the dependencies anew into requirements/
	$(BIN)/python -m tools.lock

clean: ## Remove what the targets made in the checkout
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3")'
	@echo "setting up .venv with $$($(PYTHON) --version), once: about a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --python $(BIN)/python --quiet --require-hashes --compile-bytecode requirements/dev.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

images: $(READY) ## Build both images without Docker, as root on Debian, and run them; ARGS=--naive compares
	@$(BIN)/python -m tools.images $(ARGS)

packages: $(READY) ## Build the Crossplane packages and prove them; ARGS="--repository ghcr.io/acme" says whose
	@$(BIN)/python -m tools.packages $(ARGS)

bench-function: $(READY) ## Measure the composition function beside an empty one, the one that landed last and one in Go
	@$(BIN)/python -m tests.bench.function $(ARGS)

bench-checkpoints: $(READY) ## Measure the checkpoint saver beside the stock one
	@$(BIN)/python -m tests.bench.checkpoints $(ARGS)

bench-rows: $(READY) ## Measure what periodic statements and lists cost on large tables; ARGS=--help
	@$(BIN)/python -m tests.bench.rows $(ARGS)

bench-watchers: $(READY) ## Measure what many watchers cost beside the image that landed last
	@$(BIN)/python -m tests.bench.watchers $(ARGS)

bench-large: $(READY) ## Measure what large results cost beside the image that landed last
	@$(BIN)/python -m tests.bench.large $(ARGS)

bench-threads: $(READY) ## Measure what threads cost, and floods of one thread, beside the image that landed last
	@$(BIN)/python -m tests.bench.threads $(ARGS)

bench-tokens: $(READY) ## Measure what a streamed token costs beside the image that landed last
	@$(BIN)/python -m tests.bench.tokens $(ARGS)

bench-http: $(READY) ## Measure what asking over HTTP and waiting costs beside NATS and the image that landed last
	@$(BIN)/python -m tests.bench.http $(ARGS)

bench-steps: $(READY) ## Measure what a step of a long thread costs and stores
	@$(BIN)/python -m tests.bench.steps $(ARGS)

bench-peers: $(READY) ## Measure the service beside its peers, whose packages are installed first, each in an environment of its own
	@$(BIN)/python -m tests.bench.peers $(ARGS)

bench-scale: $(READY) ## Measure what more pods and more jobs at once give, and what memory they take
	@$(BIN)/python -m tests.bench.scale $(ARGS)

.PHONY: help setup demo test test-upgrade test-clients chaos cluster cluster-reload test-cluster lint format golden reference bench bench-function bench-checkpoints bench-rows bench-watchers bench-large bench-threads bench-tokens bench-http bench-steps bench-peers bench-scale images packages lock clean
