# Two commands: `make demo` shows what this is, `make test` proves it. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROMPTS ?= 500
N ?= 10000

# What `test-newest` takes beyond the upper bounds of pyproject.toml.
MOVING := altair anywidget av captum ipywidgets pandas spacy transformers
# The model, capture and signal tests, which `test-oldest` and `test-newest` run in environments of their own.
CORE := $(addprefix tests/test_,$(addsuffix .py,ablation ablation_signals capture captum_gradients charts conformance \
  families first_light flows hybrids kernels media models online_signals open_models releases signals statements trace \
  tracer transformers_names))

.PHONY: demo lab test test-oldest test-newest fuzz lint fix js accuracy bench screenshots clean

demo: $(VENV)/.installed
	$(BIN)/omnitrace-nb demo --out demo.html
	@echo "The quickstart notebook: make lab"

lab: $(VENV)/.lab
	$(BIN)/jupyter lab notebooks/01_quickstart.ipynb

test: $(VENV)/.test js/node_modules/.installed
	@sh tests/ensure_chromium.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

# Every dependency at its lower bound, and every dependency at its newest release, beyond the upper bounds too.
test-oldest: .venv-oldest/.core
	.venv-oldest/bin/python -m pytest $(CORE)

test-newest: .venv-newest/.core
	.venv-newest/bin/python -m pytest $(CORE)

.venv-oldest/.core: pyproject.toml tests/oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet --constraint tests/oldest.txt --editable '.[core]'
	touch $@

# Where pip cannot take a release beyond a bound, it says so and the tests show what comes of it.
.venv-newest/.core: pyproject.toml
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/pip install --quiet --editable '.[core]'
	.venv-newest/bin/pip install --quiet --upgrade torch torchvision
	.venv-newest/bin/pip install --quiet --upgrade $(MOVING)
	touch $@

# Each fuzz test with N cases, however long that takes; `make test` tries as many as two minutes allow.
fuzz: $(VENV)/.test
	$(BIN)/python -m pytest -m fuzz --rounds $(N) --timeout 0

lint: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

fix: $(VENV)/.test
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

js: js/node_modules/.installed
	cd js && npm run --silent build

accuracy: $(VENV)/.installed
	$(BIN)/python -m training.accuracy --prompts $(PROMPTS)

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.overhead --write
	$(BIN)/python -m benchmarks.signals --write

screenshots: $(VENV)/.test
	$(BIN)/python docs/screenshots.py

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "omnitrace_nb needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.lab: pyproject.toml | $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[lab]'
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

# Without npm the checks of the front end are skipped, each with its reason; the bundle itself is in the repository.
# `npm ci` refuses a lock file that lacks other platforms' binaries; `install --no-save` takes the locked versions too.
js/node_modules/.installed: js/package.json js/package-lock.json
	@if command -v npm >/dev/null; then cd js && npm install --no-save --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "note: no npm on the path; the checks of the front end will be skipped" >&2; fi

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest js/node_modules demo.html demo.omnitrace dist build
