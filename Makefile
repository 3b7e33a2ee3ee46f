# Every target in a line: make help
PYTHON ?= python3
VENV = .venv/bin

.PHONY: help run test bench chaos reset lint format
help: ## every target in a line
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10
run: ## the whole portal on this machine (PORT, BIND, EXTRANET_DATA_DIR); Ctrl-C stops it
	@exec $(PYTHON) deploy/run_local.py
test: ## linters, types, contracts and all tests, on private instances; ARGS="-k name" runs only these tests
	@ARGS='$(ARGS)' $(PYTHON) deploy/run_tests.py
bench: ## ratios of the performance table, each against its floor in the same run; JSON=1 for one object a line
	@JSON='$(JSON)' $(PYTHON) deploy/run_tests.py bench
chaos: ## a whole instance under load and faults at random, then every account checked (DURATION=10m, SEED)
	@DURATION='$(DURATION)' SEED='$(SEED)' $(PYTHON) deploy/run_tests.py chaos
reset: ## forget the embedded instance's data
	rm -rf "$${EXTRANET_DATA_DIR:-var}"
lint: ## linter, formatter, types and contracts only
	$(VENV)/ruff check . && $(VENV)/ruff format --check . && $(VENV)/mypy && $(VENV)/lint-imports
format: ## write the format
	$(VENV)/ruff check --fix . && $(VENV)/ruff format .
