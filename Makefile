# Needs make and python3 (3.11 or later). Every target creates or refreshes .venv by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := .venv-peers
PEERS_INSTALLED := $(PEERS)/.installed
PIP := -m pip --disable-pip-version-check install --quiet

# What a demonstration runs; a shorter one: make demo DEMO="--n-steps 40 --n-measure 65536".
DEMO ?=
# Tests that run a second time as plain Python, without the compiler.
INTERPRETED ?= tests -m interpreted
# How the lessons of the gallery are run, half an hour in full: make docs GALLERY=--quick.
GALLERY ?=
# Names of accuracy checks: make verify CASES="eigenstate dot".
CASES ?=

.PHONY: demo test verify bench bench-peers docs lint clean

demo: $(INSTALLED)
	$(BIN)/born run quantum-dot --out results/quantum-dot.h5 --overwrite $(DEMO)
	$(BIN)/born plot results/quantum-dot.h5 results/quantum-dot.png --overwrite

test: $(INSTALLED)
	OPENBLAS_NUM_THREADS=1 NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(INTERPRETED) --numprocesses 2 --dist loadfile
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

verify: $(INSTALLED)
	$(BIN)/python tests/verify $(CASES)

bench: $(INSTALLED)
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

bench-peers: $(INSTALLED) $(PEERS_INSTALLED)
	@for script in benchmarks/peers/*.py; do PYTHONPATH=. $(PEERS)/bin/python $$script || exit 1; done

docs: $(INSTALLED)
	$(BIN)/python $(PIP) --constraint constraints.txt --no-build-isolation --editable ".[docs]"
	PYTHONPATH=. $(BIN)/python docs/gallery.py $(GALLERY)
	$(BIN)/python -m sphinx -q -W docs docs/_build/html
	@echo "see docs/_build/html/gallery.html"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) $(PEERS) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --constraint constraints.txt setuptools
	$(BIN)/python $(PIP) --constraint constraints.txt --no-build-isolation --editable ".[tests]"
	touch $@

# The peers bring their own versions of everything; Born itself runs in .venv, next to them.
$(PEERS_INSTALLED): benchmarks/peers/constraints.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python $(PIP) --constraint benchmarks/peers/constraints.txt netket
	touch $@
