PYTHON ?= python3
VENV ?= .venv

bin := $(VENV)/bin
stamp := $(VENV)/.installed
demo_run := demo-$(shell date +%Y%m%d-%H%M%S)

.DEFAULT_GOAL := help
.PHONY: help test lint format demo bench wheel clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

$(stamp): pyproject.toml constraints.txt
	test -x $(bin)/python || $(PYTHON) -m venv $(VENV)
	$(bin)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

test: lint  ## check everything: style, types, floors, tests
	$(bin)/pytest -q

lint: $(stamp)  ## check style, types and floors
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

format: $(stamp)  ## lay the code out and mend what can be mended
	$(bin)/ruff check --fix
	$(bin)/ruff format

demo: $(stamp)  ## train on the bundled novel, compare the snapshots, sample
	$(bin)/charrnn train --iterations 4000 --checkpoint-dir checkpoints --name $(demo_run)
	$(bin)/charrnn compare checkpoints/$(demo_run)
	$(bin)/charrnn sample checkpoints/$(demo_run) --temperature 0.5
	$(bin)/charrnn sample checkpoints/$(demo_run) --temperature 1.0

bench: $(stamp)  ## run every measurement in bench/
	set -e; for bench in bench/*.py; do echo "== $$bench"; $(bin)/python $$bench; done

wheel: $(stamp)  ## build the sdist, and from it the wheel, into dist/
	$(bin)/python -m build

clean:  ## remove the environment, caches and builds; runs stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
