# Everything runs inside .venv, which the first target that needs it makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench table clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.installed
	$(PIP) install -e '.[test]'
	@touch $@

$(VENV)/.installed-judges: pyproject.toml $(VENV)/.installed-test
	$(PIP) install -e '.[test,judges]'
	@touch $@

demo: $(VENV)/.installed ## install, then dub the example clip
	$(BIN)/deepaudio dub examples/clip.mp4 --script examples/lines.txt --ref examples/voice.wav

test: $(VENV)/.installed-test ## install with the test extra, then run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-test ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: $(VENV)/.installed-judges ## measure the embedded preset with the judges (long)
	$(BIN)/python -m tests.bench

table: $(VENV)/.installed-judges ## Dub 1.0, 2.0 and 3.0 on held-out clips, with ablations, truth and chance (long)
	$(BIN)/python -m tests.bench --only dubs --out runs/table

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache build dist *.egg-info
