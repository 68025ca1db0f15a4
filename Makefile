PYTHON ?= python3
VENV ?= .venv

bin := $(VENV)/bin
stamp := $(VENV)/.installed
oldest := $(VENV)-oldest
on_gpu := $(VENV)-gpu
fuzzing := $(VENV)/.fuzzing
compile := UV_CUSTOM_COMPILE_COMMAND='make lock' $(bin)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate
demo_run := demo-$(shell date +%Y%m%d-%H%M%S)

.DEFAULT_GOAL := help
.PHONY: help test test-oldest torture fuzz lock audit docs lint format demo bench gpu wheel clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

# First what hashes.txt vouches for, a pip that knows --group included; to the second line torch alone is left, whose
# build is the machine's choice.
$(stamp): pyproject.toml constraints.txt hashes.txt
	test -x $(bin)/python || $(PYTHON) -m venv $(VENV)
	$(bin)/python -m pip install --quiet --no-deps --require-hashes -r hashes.txt
	$(bin)/python -m pip install --quiet -c constraints.txt --no-build-isolation --group dev -e .
	touch $@

# Most tests wait for processes of their own: files side by side take half the time, the longest first (tests/conftest.py).
test: lint  ## check everything: style, types, floors, tests
	$(bin)/pytest -q --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

torture: $(stamp)  ## kill, starve, damage and interrupt trainings, as often as docs/reliability.md says
	$(bin)/pytest -q --thorough tests/torture

$(fuzzing): $(stamp)
	$(bin)/pip install --quiet -c constraints.txt --group fuzz
	touch $@

fuzz: $(fuzzing)  ## fuzz all that reads other people's bytes by coverage, a minute each; needs CPython 3.11 on Linux
	$(bin)/python tests/fuzz/fuzz.py --seconds 60

test-oldest: $(stamp)  ## run the tests with the oldest versions that pyproject.toml allows, in an environment of their own
	$(bin)/uv venv --quiet --clear --python $(bin)/python $(oldest)
	$(bin)/uv pip install --quiet --python $(oldest) --resolution lowest-direct --group dev -e .[plot,tensorboard]
	$(oldest)/bin/python -m pytest -q

lock: $(stamp)  ## write constraints.txt and hashes.txt anew from pyproject.toml; of the newest versions: UPGRADE=--upgrade
	$(compile) --fork-strategy fewest --group dev --group fuzz --all-extras $(UPGRADE) pyproject.toml -o constraints.txt
	sed -i.before -E '/^(cuda|nvidia|triton)-?/d' constraints.txt  # what torch's builds for GPUs bring along
	rm constraints.txt.before
	$(compile) --no-deps --generate-hashes --no-emit-package torch --no-emit-package atheris constraints.txt -o hashes.txt

audit: $(stamp)  ## look up known vulnerabilities of the pinned versions; needs the network
	$(bin)/pip-audit --strict --no-deps --disable-pip -r constraints.txt

docs: $(stamp)  ## write docs/cli.md anew from the code
	$(bin)/python docs/make_cli.py

lint: $(stamp)  ## check style, types and floors
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

format: $(stamp)  ## lay the code out and mend what can be mended
	$(bin)/ruff check --fix
	$(bin)/ruff format

demo: $(stamp)  ## train on the bundled novel, compare the snapshots, sample
	$(bin)/charrnn train --time 2m --name $(demo_run)
	$(bin)/charrnn compare $(demo_run) --length 0
	@printf '\nAt temperature 0.5, safe, by the network alone:\n\n'
	@$(bin)/charrnn sample $(demo_run) --no-ngrams --temperature 0.5 --length 600 --seed 1; echo
	@printf '\nThe same with the counts beside it:\n\n'
	@$(bin)/charrnn sample $(demo_run) --ngrams --temperature 0.5 --length 600 --seed 1; echo
	@printf '\nAt temperature 1.0, wild:\n\n'
	@$(bin)/charrnn sample $(demo_run) --temperature 1.0 --length 600 --seed 1; echo

bench: $(stamp)  ## run the measurements in bench/ that need no other text
	set -e; for bench in cells corpus encoding learning loop ngrams sampling threads; do \
	  echo "== bench/$$bench.py"; $(bin)/python bench/$$bench.py; done

gpu:  ## check and measure training on an NVIDIA GPU, in an environment that takes this machine's torch if it has one
	test -x $(on_gpu)/bin/charrnn || $(PYTHON) -m venv --system-site-packages $(on_gpu)
	$(on_gpu)/bin/pip install --quiet -e .
	$(on_gpu)/bin/python bench/gpu.py --output gpu.md

wheel: $(stamp)  ## build the sdist, and from it the wheel, into dist/
	$(bin)/python -m build

clean:  ## remove the environment, caches and builds; runs stay
	rm -rf .fuzz $(VENV) $(oldest) $(on_gpu) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
