# Every target makes the virtual environment first, if it is missing or older than requirements.txt.
# ARGS reaches the command: `make up ARGS="--port 4300"`, `make test ARGS="tests/unit -k verbs"`.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTHON ?=
JOBS ?= 2
ARGS ?=
UV := 0.13.9

export DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
unexport PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT CDPATH

# Programs are modules of the virtual environment's Python: the first line of a script in it does not take every path.
# What somebody's PYTHONPATH holds comes last, as a package there may have the name of one of ours.
OURS := [ -z "$$PYTHONPATH" ] || \
	export PYTHONPATH="$$PWD/$(VENV)/src:$$($(BIN)/python -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))'):$$PYTHONPATH";

.PHONY: help up test test-dask test-debian test-failover test-rabbitmq test-extras test-web test-tutorial check docs format schema bench soak lock clean
.DEFAULT_GOAL := help

help:
	@echo "make up      start everything here: PostgreSQL, Prefect, a worker, a sample history (Ctrl-C stops it)"
	@echo "make test    run the tests"
	@echo "make test-dask  run the test of a rebuild by two worker processes of Dask, which it installs"
	@echo "make test-debian  run the tests with Debian's pgbouncer, PostgreSQL 15 and RabbitMQ (apt-get install pgbouncer postgresql-15 rabbitmq-server)"
	@echo "make test-failover  those of them that need PostgreSQL 15 alone: failover, standbys, TLS (apt-get install postgresql-15)"
	@echo "make test-rabbitmq  those of them that need RabbitMQ alone: what messages to it become (apt-get install rabbitmq-server)"
	@echo "make test-extras  install the wheel with each extra, as pinned and as new as may be, and try what belongs to it"
	@echo "make test-web  kill the web API for a minute under 50 clients, and try it at length by its own OpenAPI"
	@echo "make test-tutorial  do all that the tutorial says, in order, in a project that 'acci new' makes"
	@echo "make check   lint, format, types, dependency direction, documentation"
	@echo "make docs    build the documentation in .site/html, and fail if a link is dead or a public name undocumented"
	@echo "make format  let ruff put the format right"
	@echo "make schema  write sql/schema.json, which audits compare with, and sql/schema.sql, to be read, from the migrations"
	@echo "make bench   run the measurements"
	@echo "make soak    kill anything at random for as long as asked, and audit: ARGS=\"--minutes 60\""
	@echo "make lock    derive requirements.txt and constraints.txt from pyproject.toml again"
	@echo "make clean   remove the virtual environment and caches; your data in .acci stays"

up: $(INSTALLED)
	@$(OURS) exec $(BIN)/python -m acci.flows.cli up $(ARGS)

test: $(INSTALLED)
	@$(OURS) $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

# Dask lies beside the other packages, so that everything else is tested without it.
test-dask: $(VENV)/dask/.installed
	PYTHONPATH=$(VENV)/dask $(BIN)/python -m pytest tests/e2e/test_dask.py $(ARGS)

$(VENV)/dask/.installed: requirements-dask.txt $(INSTALLED)
	rm -rf $(VENV)/dask
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --target $(VENV)/dask -r requirements-dask.txt
	touch $@

# A test fails where the package is missing: nothing is left out without a word.
test-debian: $(INSTALLED)
	$(BIN)/pytest -m debian tests/debian $(ARGS)

test-failover: $(INSTALLED)
	$(BIN)/pytest -m debian tests/debian --ignore=tests/debian/test_poolers.py --ignore=tests/debian/test_rabbitmq.py $(ARGS)

test-rabbitmq: $(INSTALLED)
	$(BIN)/pytest -m debian tests/debian/test_rabbitmq.py $(ARGS)

# uv installs, from its cache, what pip would take many minutes for.
test-extras: $(INSTALLED)
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv==$(UV)
	@$(OURS) $(BIN)/python -m pytest -m extras tests/extras $(ARGS)

test-web: $(INSTALLED)
	@$(OURS) ACCI_TEST_WEB_SECONDS=60 ACCI_TEST_EXAMPLES=200 $(BIN)/python -m pytest --timeout 900 \
		tests/e2e/test_web.py tests/integration/web/test_openapi.py $(ARGS)

# Some minutes: it starts everything, and each of its flows is a process of its own, as a reader has it.
test-tutorial: $(INSTALLED)
	@$(OURS) $(BIN)/python -m pytest -m tutorial tests/tutorial $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.site

docs: $(INSTALLED)
	@$(OURS) $(BIN)/python -m tests.site

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schema: $(INSTALLED)
	$(BIN)/python -m tests.schema

bench: $(INSTALLED)
	@$(OURS) $(BIN)/python -m tests.bench $(ARGS)

soak: $(INSTALLED)
	@$(OURS) $(BIN)/python -m tests.soak $(ARGS)

COMPILE = $(VENV)/lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --quiet \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
ORIGIN := Made by \`make lock\` from pyproject.toml.

# The constraints are without hashes: with them pip would refuse what they do not name, a project and its wheel of ACCI.
lock: $(INSTALLED)
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv==$(UV)
	@echo "# Every package, transitive ones and tools too, for Python 3.11 and later. $(ORIGIN)" > $(VENV)/lock.txt
	$(COMPILE) --generate-hashes --extra dev --upgrade >> $(VENV)/lock.txt
	@echo "# What Dask needs beside requirements.txt. $(ORIGIN)" > $(VENV)/lock-dask.txt
	$(COMPILE) --generate-hashes --extra dev --extra dask --constraint $(VENV)/lock.txt | grep -vxFf $(VENV)/lock.txt >> $(VENV)/lock-dask.txt
	@echo "# The versions that ACCI and its extras are tested with: pip install -c. $(ORIGIN)" > $(VENV)/constraints.txt
	$(COMPILE) --extra all --constraint $(VENV)/lock.txt --constraint $(VENV)/lock-dask.txt >> $(VENV)/constraints.txt
	mv $(VENV)/lock.txt requirements.txt
	mv $(VENV)/lock-dask.txt requirements-dask.txt
	mv $(VENV)/constraints.txt constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .site dist
	find domain store flows sql tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null; true

# The checkout is the package `acci`: a link of that name in a folder that Python, mypy and import-linter look into.
# Relative, so that a checkout may be moved; an absolute path of letters beyond ASCII ends Python under LC_ALL=C.
PACKAGE := $(VENV)/src/acci
SEARCHED := ../../../src
# As pip writes it, its first line does not take every path.
SCRIPT := '\#!/bin/sh' 'exec "$$(dirname "$$(readlink -f "$$0")")/python" -P -m acci.flows.cli "$$@"'

# The stamp is written last, so an interrupted install is taken up again. Everything is pinned, so pip resolves nothing, and
# has the hash of each file that its index had when it was locked, so that no other file is installed;
# Python compiles what it comes to use, which is the smaller part.
$(INSTALLED): requirements.txt pyproject.toml
	@unset PYTHONPATH; umask 022; python="$$(bash .ci/python $(PYTHON))" || exit 1; \
	if ! $(BIN)/python -c "" 2>/dev/null; then \
		echo "Making the virtual environment in $(VENV) with $$python"; \
		"$$python" -m venv --clear $(VENV) || exit 1; \
	fi; \
	echo "Installing the packages of requirements.txt (about a minute, once)"; \
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --no-compile -r requirements.txt && \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . && \
	mkdir -p $(VENV)/src && ln -sfn ../.. $(PACKAGE) && \
	(cd $(VENV)/lib/python3*/site-packages && rm -f __editable__* && echo $(SEARCHED) > acci.pth) && \
	printf '%s\n' $(SCRIPT) > $(BIN)/acci && \
	$(BIN)/python -m pip check --quiet && \
	touch $@
