# `make help` lists the targets. VENV=DIR puts the environment elsewhere.
PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV ?= .venv
PYTEST_FLAGS ?= --numprocesses=auto

RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PACKAGING := setup.cfg pyproject.toml constraints.txt

.PHONY: help demo test lint venv constraints clean
.DEFAULT_GOAL := help

help:         ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1: /p' Makefile

demo: $(VENV)/demo.stamp        ## deblur a photograph with the shipped model, then train for a minute
	$(RUN) scripts/demo.py

test: $(VENV)/test.stamp        ## run the tests
	$(RUN) -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/lint.stamp        ## check style and formatting
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

venv: $(VENV)/test.stamp $(VENV)/lint.stamp     ## everything that development needs, in $(VENV)

constraints:  ## pin the newest versions that install together
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv "$$scratch" && \
	"$$scratch/bin/pip" install --quiet ".[data,tune,test,lint]" && \
	{ head -1 constraints.txt; "$$scratch/bin/pip" freeze --exclude tf_jfb; } > "$$scratch/pins" && \
	cp "$$scratch/pins" constraints.txt

clean:        ## remove the environment and what tools left behind
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find tf_jfb tests scripts -name __pycache__ -prune -exec rm -rf {} +

# An installation is repeated only after a change of the packaging files.
$(VENV)/demo.stamp: WHAT := --editable=.
$(VENV)/test.stamp: WHAT := --editable=.[data,tune,test]
$(VENV)/lint.stamp: WHAT := ruff
$(VENV)/%.stamp: $(PACKAGING) | $(VENV)/bin/pip
	@echo "Installing into $(VENV): about a minute the first time"
	$(INSTALL) "$(WHAT)"
	@touch $@

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)
