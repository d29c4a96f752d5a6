# Everything runs in a virtual environment of its own. PYTHON may name another interpreter (3.11 or newer), LANE the
# versions of the libraries: locked (the ones that this commit was tested with), oldest (the floors in pyproject.toml),
# newest (whatever was released by today), or light (those of the lock, without PyTorch and what is built on it).
PYTHON ?= python3
LANE ?= locked
VENV := .venv$(if $(filter-out locked,$(LANE)),-$(LANE))
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.installed
CONSTRAINTS := $(wildcard .ci/constraints/$(patsubst light,locked,$(LANE)).txt)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install $(CONSTRAINTS:%=--constraint %)
# setuptools warns that an editable package can be shadowed by a folder of its name, which here is the package itself.
EDITABLE := PYTHONWARNINGS=ignore $(INSTALL) $(CONSTRAINTS:%=--build-constraint %) --editable
TORCH_locked := torch==2.13.0
TORCH_oldest := torch
TORCH_newest := torch
EXTRA := $(if $(filter light,$(LANE)),test-light,dev)
# What runs without PyTorch: answering, the agents in memory, the commands that answer, the server.
LIGHT_TESTS := tests/test_model.py tests/test_extras.py \
  tests/runtime/test_store.py tests/runtime/test_batching.py tests/runtime/onnx/run/test_shared_threads.py \
  tests/cli/test_predict.py tests/cli/test_info.py tests/cli/test_start.py tests/cli/test_serve.py tests/serving
# Libraries with a ceiling in pyproject.toml: the newest lane goes beyond it, to hear of a break before users do.
CEILINGS := peft onnxruntime uvicorn
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --upgrade \
  --no-annotate --custom-compile-command 'make lock'

.PHONY: demo test test-light test-oldest test-newest test-slow test-browser lint format docs lock wheel clean

# pip first: it too comes from the lock, and so does what pip builds with.
$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip
	$(if $(TORCH_$(LANE)),$(INSTALL) $(TORCH_$(LANE)))
	$(EDITABLE) '.[$(EXTRA)]'
	$(if $(filter newest,$(LANE)),$(PIP) install --upgrade --no-deps $(CEILINGS))
	@touch $@

demo: $(STAMP)  ## train the example agents and ask them
	HF_HUB_OFFLINE=1 $(BIN)/python examples/demo.py

# One thread a worker: two threads each on two cores would wait for each other most of the time. The oldest libraries use
# what newer ones below them deprecate, which is not for us to mend.
test: $(STAMP)  ## the plain suite
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal \
	  $(if $(filter oldest,$(LANE)),-W ignore::DeprecationWarning -W ignore::FutureWarning) \
	  $(if $(filter light,$(LANE)),$(LIGHT_TESTS))

test-light:  ## answering, in an environment without PyTorch
	$(MAKE) test LANE=light

test-oldest:  ## the plain suite on the floors that pyproject.toml names
	$(MAKE) test LANE=oldest

test-newest:  ## the plain suite on today's releases
	$(MAKE) test LANE=newest

test-slow: $(STAMP)  ## minutes of CPU more
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m slow

test-browser: $(STAMP)  ## the playground in Chromium, which must be installed
	$(EDITABLE) '.[browser]'
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser

lint: $(STAMP)  ## style, imports, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## the documentation site, strictly
	$(EDITABLE) '.[docs]'
	$(BIN)/mkdocs build --strict

lock: $(STAMP)  ## choose the versions of the locked and the oldest lane anew
	$(PIP) install --upgrade uv
	$(COMPILE) --group locked --output-file .ci/constraints/locked.txt
	$(COMPILE) --group environment --resolution lowest-direct --output-file .ci/constraints/oldest.txt

wheel: $(STAMP)  ## build the release, install it alone in a clean environment and use it there
	$(INSTALL) build
	$(BIN)/python .ci/check_wheel.py $(CONSTRAINTS:%=--constraint %)

clean:
	rm -rf .venv .venv-light .venv-oldest .venv-newest .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist site *.egg-info
