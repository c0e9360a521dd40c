# Two commands for a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.dev

# Compiled modules are kept here between builds, also of wheels that are made from a source archive in a folder of its own.
export PVEFORENSICS_MODULES := $(CURDIR)/build/modules

.PHONY: demo test check lint types contracts rules fresh system wheel native clean fixtures screenshots fuzz

demo: $(STAMP)
	@mkdir -p demo/out
	@$(BIN)/pveforensics analyze demo/demo-cluster.tgz -o demo/out/demo-postmortem.html --json demo/out/demo.json --markdown demo/out/demo.md
	@echo
	@echo "The report: $(CURDIR)/demo/out/demo-postmortem.html"

test: system $(DEV) wheel
	$(BIN)/python -P -m pytest -n 2

check: lint types contracts rules

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

contracts: $(DEV)
	$(BIN)/lint-imports

rules: $(DEV) wheel
	$(BIN)/pveforensics rules lint
	$(BIN)/pveforensics rules test

# What is written from other files: the pages of the rules. Tests say when they are stale.
fresh:
	@test -e $(STAMP) || $(MAKE) -s $(STAMP)
	$(BIN)/python -m pveforensics.ruledocs docs/rules

# What only a system package brings: a browser for the report's tests, a journal writer for the readers' tests, a database shell for the collector's.
system:
	@PYTHON=$(PYTHON) sh .ci/system-packages
	@sh tests/browser/install

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/it"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt install python3-venv"; exit 1; }

$(STAMP): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "setting up $(VENV) (once, about two minutes) ..."
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt PIP_BUILD_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check .
	@touch $@

$(DEV): $(STAMP) requirements-dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	@touch $@

# Tests run against the built wheel, never against the checkout: what users install is what is tested.
wheel: $(DEV)
	@rm -rf dist
	@$(BIN)/python -m build -q --no-isolation --outdir dist . >/dev/null
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --force-reinstall dist/*.whl

# The inner loops of the scan, compiled for work in the checkout; a wheel compiles its own.
native:
	@$(PYTHON) hatch_build.py

# Ten minutes of the fuzzer on the journal, archive, line and document readers; what it breaks lies in fuzz-findings/.
FUZZ_SECONDS ?= 600
fuzz: $(DEV) wheel
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-fuzz.txt
	$(BIN)/python -P tests/fuzz/run.py --seconds $(FUZZ_SECONDS)

fixtures: $(STAMP)
	$(BIN)/python tests/fixtures/compose.py

# Each golden report, light and dark, 1280 and 390 px wide, as pictures to look at.
screenshots: system $(DEV)
	$(BIN)/python tests/browser/screenshots.py screenshots

clean:
	rm -rf $(VENV) dist build demo/out pveforensics/events/scan/_lines.*
