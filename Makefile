# Everything that a user or a developer of syncdeck does, by name. `make` alone lists it.
.DEFAULT_GOAL := help
BIN := .venv/bin
# Tests mostly wait for other processes: three at once keep two cores busy.
WORKERS ?= 3
UV ?= uv
PLATFORMS := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-apple-darwin aarch64-apple-darwin

.PHONY: help setup run test storm lint types contracts bench screenshots lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## set up .venv/ and what the system lacks; does nothing when all is there
	@sh scripts/setup.sh

run: setup ## open the console on a fleet of its own on this machine
	@$(BIN)/syncdeck --lab

test: setup ## run the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not storm"

storm: setup ## kill the engine over and over for a long time
	$(BIN)/python -m pytest -m storm --timeout 3600

lint: setup ## check the style (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: setup ## check the types (mypy, strict for engine/ and config/)
	$(BIN)/mypy

contracts: setup ## check which package may import which (import-linter)
	$(BIN)/lint-imports

bench: setup ## measure against rsync; a table, and .bench/results.json
	$(BIN)/python -m tests.bench

screenshots: setup ## draw the pictures of the README again
	$(BIN)/python -m app.console.staging.screenshots

lock: ## write requirements.txt again from pyproject.toml, and check it for every platform (needs uv)
	@sed '/^[^#]/,$$d' requirements.txt > .requirements.head
	@$(UV) pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.txt
	@cat .requirements.head requirements.txt > .requirements.new
	@mv .requirements.new requirements.txt && rm .requirements.head
	@for python in 3.11 3.12 3.13 3.14; do for platform in $(PLATFORMS); do \
	    echo "every package comes built for Python $$python on $$platform"; \
	    $(UV) pip install --dry-run --quiet --require-hashes --no-deps --only-binary :all: --python-version $$python \
	        --python-platform $$platform --target .venv/lock -r requirements.txt || exit 1; done; done

clean: ## remove what building and testing left behind (not .venv)
	rm -rf build dist *.egg-info .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find app widgets engine config tests -name __pycache__ -type d -prune -exec rm -rf {} +
