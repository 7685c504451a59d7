# make demo | test | lint | bench: each sets up .venv by itself and needs no root. make lab needs root and QEMU.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTHON_DIRS := bmprov worker pxe images tests extension

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench lab lock clean

help:
	@echo "make demo          the main job on simulated machines, played as CloudStack plays it"
	@echo "make demo ONCE=1   the same unattended; exits 0 or 1"
	@echo "make test          the tests (ARGS='-k power' chooses, LONG=1 adds those that take minutes)"
	@echo "make lint          ruff, mypy --strict, import-linter, vermin"
	@echo "make bench         measures, prints ratios (PEERS=1 installs and measures OpenStack Ironic too)"
	@echo "make lab           machines with real firmware in QEMU, deployed with Debian 12, and a switch; needs root"

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	$(BIN)/bmprov demo $(if $(ONCE),--once)

# by file, the longest first: pytest 9.2 and xdist's groups do not know one another, and what a file shares is made once
test: $(STAMP)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(if $(LONG),,-m "not long") $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vermin --quiet --no-tips --violations --target=3.6- extension/bmprov.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m tests.bench $(if $(PEERS),--peers) $(ARGS)

lab: $(STAMP)
	$(BIN)/python -m tests.lab $(ARGS)

lock: $(STAMP)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) demo-data lab-data
