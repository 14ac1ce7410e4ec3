# run | new | test | test-slow | check | serve | bench | lock. Only Python >= 3.11, make, git and a package index are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
export TF_USE_LEGACY_KERAS := 1
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1
export PREFECT_HOME := $(CURDIR)/.trimline/prefect
# Where this is set, every process compiles all of TensorFlow's Python again: 15 s instead of 5.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := run
.PHONY: run new test test-slow check serve bench lock

# A stamp is left only when every file of every package is there: a killed installation looks like a whole one to uv.
# Done once for each content of the two files; a second call finds the stamp and installs nothing. The project itself is
# installed as a link to this folder: the command `trimline` then runs the code that lies here.
UV_INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
INSTALLED := $(VENV)/.installed-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old: Trimline needs Python 3.11 or newer. Name one: make PYTHON=python3.12"; exit 1; }
	@echo "Installing into $(VENV), once: 3.4 GB on the disk. It takes some minutes where the packages have to be downloaded,"
	@echo "and less than one where uv has them in its cache."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(UV_INSTALL)
	@$(BIN)/python .ci/installed.py \
	  || { echo "An earlier installation was killed; all packages are installed anew."; $(UV_INSTALL) --reinstall; }
	@$(BIN)/python .ci/installed.py || { echo "The installation is incomplete: rm -rf $(VENV), then make again"; exit 1; }
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --no-index --editable .
	@rm -f $(VENV)/.installed-*
	@mkdir -p "$(PREFECT_HOME)"
	@touch $@

run: $(INSTALLED)
	@trimline run
	@echo "Next: open reports/report.html; 'source .venv/bin/activate', then 'trimline predict release IMAGE' asks the"
	@echo "released model, 'trimline runs' compares runs, and docs/how-to/own-data.md brings your own data."

# make new NAME=flowers DATA=~/Pictures/flowers [ARGS="--target price --yes"]
new: $(INSTALLED)
	@trimline new "$(NAME)" "$(DATA)" $(ARGS)

# The longest files first: then both workers end at about the same time.
LONGEST := tests/test_end_to_end.py \
  $(patsubst %,tests/tasks/test_%.py,own_line translation training cross_validate steps search api) \
  $(patsubst %,tests/flows/test_%.py,worker package retrain run serve pipeline remote_storage)
TESTS := $(LONGEST) $(filter-out $(LONGEST),$(wildcard tests/test_*.py tests/*/test_*.py))
test: $(INSTALLED)
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

test-slow: $(INSTALLED)
	python -m pytest -m slow

check: $(INSTALLED)
	ruff format --check .
	ruff check .
	mypy
	lint-imports

serve: $(INSTALLED)
	@trimline serve

bench: $(INSTALLED)
	@python -m benchmarks

lock: $(INSTALLED)
	cd $(CURDIR) && uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements.lock
