# Everything here needs Python 3.11 or newer and make; the rest is installed into .venv from requirements.lock.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup train test test-slow format lint lock clean clean-logs

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv and install everything into it (the other targets do this themselves)

train: $(READY) ## Train the example on embedded data
	$(BIN)/python ml_core/train.py experiment=example

test: $(READY) ## Run the fast tests
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY) ## Run the tests that start processes or train for longer
	$(BIN)/python -m pytest -m slow

format: $(READY) ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY) ## Check format, style, types, spelling, secrets and security
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/bandit -q -c pyproject.toml -r ml_core hydra_plugins
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --exclude-files 'requirements\.lock|.*\.parquet'

lock: $(UV) ## Resolve pyproject.toml into requirements.lock, for all platforms, with hashes
	$(UV) pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade --output-file requirements.lock

clean: ## Remove caches and builds, and .venv
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-logs: ## Remove what runs have written under logs/
	rm -rf logs

# uv itself comes from the lock too, checked against its hashes
$(UV): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11. Name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	touch $(UV)

$(READY): $(UV) requirements.lock pyproject.toml
	UV_COMPILE_BYTECODE=1 $(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $(READY)
