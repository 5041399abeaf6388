# Everything a developer runs. Each target prepares .venv by itself; the second time that costs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where it is set, every process compiles all of the product, and every worker all of the tests, once more.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
ARGS ?=
WORKERS ?= 4
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
APPS := src/affluent/apps
QUICK ?= tests/unit tests/contract $(APPS)
PYTEST := $(BIN)/pytest --dist loadgroup --no-loadscope-reorder

# One stamp per content of the locks and of the package's metadata, and per place of the checkout (a venv cannot move).
KEY := $(shell { pwd; sed '/^\[tool\./,$$d' pyproject.toml; cat requirements*.lock; } | sha256sum | cut -c1-16)
READY_RUN := $(VENV)/.ready-run-$(KEY)
READY_DEV := $(VENV)/.ready-dev-$(KEY)

.PHONY: help setup demo check check-tests test test-all pythons lint format bench bench-full chaos fuzz audit sbom lock first-migration docs pictures soak build clean system-postgres system-browser system-hledger

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do
		printf '  make %-16s %s\n' "$$name" "$$text"
	done

setup: $(READY_DEV) ## .venv with everything a developer needs
	@echo "Ready: $(BIN)/affluent"

demo: $(READY_RUN) ## server, twins and a story on http://127.0.0.1:8080 (ARGS='--once --json')
	@exec $(BIN)/affluent demo $(ARGS)

check: $(READY_DEV) ## a minute: lint, types, unit tests, contract tests and those of the apps
	@$(MAKE) --jobs=2 --output-sync=target lint check-tests

check-tests: $(READY_DEV)
	@HYPOTHESIS_PROFILE=quick $(PYTEST) -n 2 -m "not long and not fuzz" -k "not postgresql and not added_apps" $(QUICK) $(ARGS)

test: $(READY_DEV) system-postgres system-browser system-hledger ## all tests but the long ones, on SQLite and PostgreSQL (ARGS='-k name')
	@$(PYTEST) -n $(WORKERS) -m "not long and not fuzz" $(ARGS)

test-all: $(READY_DEV) system-postgres system-browser system-hledger ## the long ones, too, and 200 kills
	@CHAOS_KILLS=200 THOROUGH=1 $(PYTEST) -n $(WORKERS) -m "not fuzz" $(ARGS)

pythons: ## the unit tests and the demo on every other Python that the package claims and the machine has
	@for version in 3.12 3.13; do
		export PYENV_VERSION=$$version  # pyenv's python3.12 is there always, and works when it is told the version
		if ! python=$$(python$$version -c 'import sys; print(sys.executable)' 2>/dev/null); then
			echo "Skipped: this machine has no python$$version." >&2
			continue
		fi
		venv=build/python$$version
		echo "Python $$version in $$venv" >&2
		$(MAKE) VENV=$$venv PYTHON=$$python QUICK=tests/unit setup check-tests
		$$venv/bin/affluent demo --once
	done

lint: $(READY_DEV) ## ruff, mypy and the import rules
	@$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY_DEV) ## let ruff put things in order
	@$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

bench: $(READY_DEV) system-postgres ## measure, about three minutes; writes docs/benchmarks.md
	@$(BIN)/python -m benchmarks $(ARGS)
	$(BIN)/python -m benchmarks.sealing

bench-full: $(READY_DEV) system-postgres ## measure everything, with a million runs in the store
	@$(BIN)/python -m benchmarks --full $(ARGS)
	for part in sealing reconciling explaining pages; do $(BIN)/python -m benchmarks.$$part; done

chaos: $(READY_DEV) system-postgres ## kill it on purpose (N=1000 kills)
	@CHAOS_KILLS=$(or $(N),200) CHAOS_LANES=$(WORKERS) $(PYTEST) tests/chaos -n $(WORKERS) --timeout 0 $(ARGS)

fuzz: $(READY_DEV) system-postgres ## property and API tests with many more examples
	@HYPOTHESIS_PROFILE=fuzz exec $(BIN)/pytest -m fuzz --timeout 0 $(ARGS)

audit: $(READY_DEV) ## weaknesses in the code and in what it uses, and licences (STRICT=1: all must be examined)
	@$(BIN)/bandit --quiet --recursive src/affluent --severity-level medium --skip B104,B506,B608,B704  # addresses are compared, SQL parts are our constants: docs/security/accepted.md
	$(BIN)/python -m scripts.weaknesses
	$(BIN)/python -m scripts.licences

sbom: $(READY_DEV) ## dist/sbom.json: all that the product is made of (CycloneDX)
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.json
	echo dist/sbom.json

lock: $(READY_DEV) ## newest versions into the two lock files
	@compile="$(UV) pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header"
	$$compile -o requirements.lock
	$$compile --group dev --constraints requirements.lock -o requirements-dev.lock
	if grep -nE '://|^--|^ *# via -r ' requirements*.lock; then echo 'A lock must name no host and no path.' >&2; exit 1; fi

first-migration: $(READY_DEV) ## draw the first migration anew from the tables (until a release has shipped one)
	@$(BIN)/python -m scripts.first_migration

docs: $(READY_DEV) ## the documentation in build/docs, its generated pages anew, every link checked
	@$(BIN)/python -m scripts.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

pictures: $(READY_DEV) system-browser ## the manual's pictures anew, from the demo
	@$(BIN)/python -m scripts.pictures $(ARGS)

soak: $(READY_DEV) system-postgres ## half an hour with faults on both stores (SECONDS_EACH=900)
	@exec $(BIN)/python -m scripts.soak --seconds $(or $(SECONDS_EACH),900) $(ARGS)

build: $(READY_DEV) ## wheel and source archive in dist/
	@$(UV) build --quiet --clear
	ls -l dist

clean: ## remove .venv, caches and builds
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------------------------------------

# apt(packages): as root on Debian they are installed, else the person is told how; only tests that need them are skipped.
define apt
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "Installing $(1) with apt-get" >&2
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(1); } >/dev/null
else
	echo "Missing: $(1). Install with: sudo apt-get install $(1)" >&2
fi
endef

# Makes .venv when it is absent or came from another place, and uv in it, its hash checked by pip against our lock.
define venv
exec 9<Makefile; flock 9
if [ -e $@ ]; then exit 0; fi
if [ "$$(cat $(VENV)/.place 2>/dev/null)" != "$$PWD" ]; then
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11' >&2; exit 1; }
	if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then
		$(call apt,python3-venv)
	fi
	echo "Setting up $(VENV)" >&2
	$(PYTHON) -m venv --clear $(VENV)
	echo "$$PWD" > $(VENV)/.place
fi
awk '/^uv==/ { on = 1; print; next } on && !/^ / { exit } on' requirements-dev.lock > $(VENV)/uv.lock
$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
endef

# The package itself, editable. uv brings its own build backend, so nothing is fetched unchecked.
INSTALL_SELF := $(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .

$(READY_RUN):
	@$(venv)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	$(INSTALL_SELF)
	touch $@

$(READY_DEV):
	@$(venv)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements-dev.lock
	$(INSTALL_SELF)
	rm -f $(VENV)/.ready-*
	touch $(READY_RUN) $@

system-postgres:
	@if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && ! command -v initdb >/dev/null; then
		conf=/etc/postgresql-common/createcluster.conf  # binaries only: the tests start servers of their own
		if [ "$$(id -u)" = 0 ] && [ ! -e $$conf ]; then
			mkdir -p $${conf%/*}
			echo 'create_main_cluster = false' > $$conf
		fi
		$(call apt,postgresql)
	fi

system-browser:
	@if ! command -v chromium chromium-browser google-chrome >/dev/null; then
		$(call apt,chromium)
	fi

system-hledger:
	@if ! command -v hledger >/dev/null; then
		$(call apt,hledger)
	fi
