# `make demo` and `make test` are the two commands; both begin with `make setup`, which is quick when nothing changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test lint docs clean

setup: $(STAMP)
	@$(BIN)/stet models fetch --if-missing

$(STAMP): pyproject.toml server/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade --constraint server/constraints.txt pip
	$(BIN)/pip install --quiet --constraint server/constraints.txt torch
	$(BIN)/pip install --quiet --constraint server/constraints.txt --editable '.[learn,hub]' --group dev
	@touch $@

demo: setup
	$(BIN)/stet demo

test: setup lint
	$(BIN)/pytest

lint: $(STAMP)
	$(BIN)/ruff check server tests
	$(BIN)/ruff format --check server tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(STAMP)
	$(BIN)/stet reference > docs/reference.md

clean:
	rm -rf $(VENV) dist build
