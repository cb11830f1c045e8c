# Everything that a fresh machine with Python 3.11 and make needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SITE_STAMP := $(VENV)/.installed-site

.PHONY: quickstart test check bench speed fuzz docs site clean install

install: $(STAMP)

$(STAMP): pyproject.toml requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "annette needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt --editable '.[all]'
	touch $(STAMP)

$(SITE_STAMP): requirements-docs.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-docs.txt
	touch $(SITE_STAMP)

## Estimate a network file; then benchmark this machine, fit it, and compare. LOOP=0 only estimates.
quickstart: install
	$(BIN)/python tools/quickstart.py $(if $(filter 0,$(LOOP)),--no-loop)

## Lint, types and tests: exactly what CI runs.
test: check
	$(BIN)/python -m pytest -n 2

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

## Speed: ratios within one run; never part of the tests.
bench: install
	$(BIN)/python -m pytest benchmarks --benchmark-only -p no:cacheprovider

## The speed gate: ratios to a fixed workload against those recorded; what CI runs after the tests.
speed: install
	$(BIN)/python -m benchmarks.gate check

## Mutated files of every format, for an hour: findings and figures go to the folder `fuzz`. SEED=1 takes others.
fuzz: install
	$(BIN)/python -m tools.fuzz run --out fuzz --seed $(or $(SEED),0) --cases 300000

## Writes the generated pages of the documentation anew.
docs: install
	$(BIN)/python tools/reference.py
	$(BIN)/python tools/zoo_table.py
	$(BIN)/python tools/paper_page.py
	$(BIN)/python -m tools.platform_pages
	$(BIN)/python -m tools.shown_output

## The documentation as a site, in build/site; any warning is an error.
site: $(SITE_STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
