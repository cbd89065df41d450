# `make help` lists the targets. VENV=DIR puts the environment elsewhere.
PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV ?= .venv
TESTS ?= not slow
# Three processes more than cores: each stays the smaller, and the last tests wait for fewer. Of a
# selection most of the time is imports, so that one more costs more than it saves.
PROCESSES := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + $(if $(findstring -k,$(PYTEST_FLAGS)),0,3) )))
PARALLEL ?= --numprocesses=$(PROCESSES) --dist=worksteal
PYTEST_FLAGS ?=
CONSTRAINTS ?= constraints.txt
EXTRAS ?= data,tune,test,notebooks

RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)
# Packages of an extra of setup.cfg, without the package itself.
extra = $(shell sed -n '/^$(1) =/,/^[^ ]/s/^    //p' setup.cfg)
PACKAGING := setup.cfg setup.py pyproject.toml $(CONSTRAINTS)

.PHONY: help demo test test-slow test-beam test-serve test-addons lint venv wheel package docs address constraints clean
.DEFAULT_GOAL := help

help:         ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1: /p' Makefile

demo: $(VENV)/demo.stamp        ## deblur a photograph with the shipped model, then train for a minute
	$(RUN) scripts/demo.py

test: export PYTHONDONTWRITEBYTECODE =  # to rewrite the assertions anew takes 4 s per process
test: $(VENV)/test.stamp        ## run the tests; some of them: PYTEST_FLAGS="-k anderson"
	$(RUN) -m pytest -m "$(TESTS)" $(PARALLEL) $(PYTEST_FLAGS)

test-slow:    ## run the tests that need processes of their own
	$(MAKE) test TESTS=slow

test-beam:    ## run the tests of bulk deblurring, with Apache Beam in $(VENV)-beam
	$(MAKE) test VENV=$(VENV)-beam CONSTRAINTS=constraints-beam.txt EXTRAS=beam,test \
	    TESTS="slow or not slow" PARALLEL= PYTEST_FLAGS=tests/serving/test_bulk.py

test-serve:   ## run the tests of the server and the page, with Ray Serve and Gradio in $(VENV)-serve
	$(MAKE) test VENV=$(VENV)-serve EXTRAS=serve,page,test,test-serve TESTS="slow or not slow" PARALLEL= \
	    PYTEST_FLAGS="$(wildcard tests/serving/test_server_*.py tests/serving/test_page*.py)"

test-addons:  ## run the tests on TensorFlow 2.15 with tensorflow-addons, in $(VENV)-addons
	$(MAKE) test VENV=$(VENV)-addons CONSTRAINTS=constraints-addons.txt EXTRAS=addons,data,tune,test,notebooks \
	    PYTEST_FLAGS="$(PYTEST_FLAGS) -W default"

lint: $(VENV)/lint.stamp        ## check style, formatting and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

venv: $(VENV)/test.stamp $(VENV)/lint.stamp     ## everything that development needs, in $(VENV)

wheel: $(VENV)/bin/pip          ## build the package, the shipped models within, into dist/
	rm -rf build
	$(RUN) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

# In an environment without TensorFlow, for the pages are read from the sources.
docs package: export NO_MKDOCS_2_WARNING = 1
docs package: SITE = $(MAKE) VENV=$(VENV)-docs CONSTRAINTS=constraints-docs.txt
docs:         ## build the manual into site/
	$(SITE) $(VENV)-docs/docs.stamp
	$(VENV)-docs/bin/mkdocs build --strict

package:      ## build the package and its sources into dist/, and check both
	$(SITE) $(VENV)-docs/release.stamp
	rm -rf build dist
	$(VENV)-docs/bin/python -m build --outdir dist . > /dev/null
	$(VENV)-docs/bin/twine check --strict dist/*
	$(VENV)-docs/bin/check-wheel-contents dist/*.whl

address:      ## OWNER=NAME: whose repository on GitHub the notebooks open and clone
	@test -n "$(OWNER)" || { echo "OWNER must be the name of a GitHub account: make address OWNER=NAME"; exit 2; }
	sed -i.old -E 's#(github(\.com)?/)[^/]+(/tf_jfb)#\1$(OWNER)\3#' docs/tutorials/*.ipynb && rm docs/tutorials/*.old

constraints:  ## pin the newest versions that install together, of every environment
	scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	for pins in constraints.txt:data,tune,serve,page,test,test-serve,notebooks,lint constraints-beam.txt:beam,test \
	    constraints-addons.txt:addons,data,tune,test,notebooks; do \
	    file=$${pins%%:*} && env="$$scratch/$$file.venv" && \
	    $(PYTHON) -m venv "$$env" && \
	    "$$env/bin/pip" install --quiet ".[$${pins#*:}]" && \
	    { head -1 "$$file"; "$$env/bin/pip" freeze --exclude tf_jfb; } > "$$scratch/pins" && \
	    cp "$$scratch/pins" "$$file" || exit 1; \
	done; \
	$(PYTHON) -m venv "$$scratch/docs" && file=constraints-docs.txt && \
	"$$scratch/docs/bin/pip" install --quiet $(call extra,docs) $(call extra,release) && \
	{ head -1 "$$file"; "$$scratch/docs/bin/pip" freeze; } > "$$scratch/pins" && \
	cp "$$scratch/pins" "$$file"

clean:        ## remove the environment and what tools left behind
	rm -rf .venv .venv-beam .venv-serve .venv-addons .venv-docs build dist site *.egg-info .pytest_cache .ruff_cache
	find tf_jfb tests scripts -name __pycache__ -prune -exec rm -rf {} +

# An installation is repeated only after a change of the packaging files.
$(VENV)/demo.stamp: WHAT := --editable=.
$(VENV)/test.stamp: WHAT := --editable=.[$(EXTRAS)]
$(VENV)/lint.stamp: WHAT = $(call extra,lint)
$(VENV)/docs.stamp: WHAT = $(call extra,docs)
$(VENV)/release.stamp: WHAT = $(call extra,release)
$(VENV)/%.stamp: $(PACKAGING) | $(VENV)/bin/pip
	@echo "Installing into $(VENV): about a minute the first time"
	$(INSTALL) $(WHAT)
	@touch $@

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)
