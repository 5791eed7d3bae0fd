# Everything runs inside .venv, which the first target that needs it makes. Versions come from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOG := $(VENV)/install.log
comma := ,
SMOKE := tests/test_readme.py tests/test_checkpoint.py tests/training/test_recipes.py tests/cli tests/script tests/media \
	tests/dubbing/test_dub.py tests/inference/test_generate.py tests/inference/test_mini_tts.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint bench bench-speed table wheel constraints latest man clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# $(call install,what,options of pip): the output of pip goes to the log and is shown only when it fails
define install
	@echo "Installing $(1): the log is $(LOG)"
	@$(BIN)/python -m pip install --disable-pip-version-check $(2) >> $(LOG) 2>&1 \
		|| { tail -n 20 $(LOG); exit 1; }
	@touch $@
endef

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "deepaudio needs Python 3.10 to 3.13, and $(PYTHON) is another: make demo PYTHON=python3.12"; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt $(VENV)/.made
	$(call install,deepaudio (on Linux about 3 GB to download and 6 GB on disk),-c constraints.txt -e .)

$(VENV)/.installed-test: $(VENV)/.installed
	$(call install,what the tests need,-c constraints.txt -e '.[test]')

$(VENV)/.installed-judges: $(VENV)/.installed-test
	$(call install,the judges,-c constraints.txt -e '.[test$(comma)judges]')

demo: $(VENV)/.installed ## install, then dub the example clip
	@echo "Dubbing examples/clip.mp4 with examples/lines.txt in the voice of examples/voice.wav"
	@$(BIN)/deepaudio dub examples/clip.mp4 --script examples/lines.txt --ref examples/voice.wav

test: $(VENV)/.installed-test ## install with the test extra, then run the tests
	$(BIN)/python -m pytest

test-fast: $(VENV)/.installed-test ## the tests that take a moment each, in a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

lint: $(VENV)/.installed-test ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: $(VENV)/.installed-judges ## measure the embedded preset with the judges (long)
	$(BIN)/python -m benchmarks

bench-speed: $(VENV)/.installed-test ## how fast it is, in one table (UPSTREAM=DIR: clones of MMAudio and F5-TTS run beside it)
	$(BIN)/python -m benchmarks.speed $(if $(UPSTREAM),--upstream $(UPSTREAM))

table: $(VENV)/.installed-judges ## Dub 1.0, 2.0 and 3.0 on held-out clips, with ablations, truth and chance (long)
	$(BIN)/python -m benchmarks --only dubs --out runs/table

wheel: $(VENV)/.installed-test ## build the wheel, install it with pip into an empty environment elsewhere and dub there
	@rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip wheel --disable-pip-version-check -q --no-deps --no-build-isolation -w build/wheel .
	elsewhere=$$(mktemp -d) && trap 'rm -rf '$$elsewhere EXIT && cp examples/clip.mp4 examples/lines.txt examples/voice.wav $$elsewhere \
		&& $(PYTHON) -m venv $$elsewhere/env \
		&& $$elsewhere/env/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt build/wheel/*.whl \
		&& cd $$elsewhere && env -u PYTHONPATH env/bin/deepaudio dub clip.mp4 --script lines.txt --ref voice.wav

constraints: $(VENV)/.made ## write constraints.txt anew (the newest versions that pyproject.toml allows), then let pip check it
	@$(BIN)/python -m pip install --disable-pip-version-check -q 'uv>=0.9,<0.14'
	$(BIN)/uv pip compile -q --universal --python-version 3.10 --all-extras --upgrade --no-annotate \
		--no-emit-index-url --custom-compile-command "make constraints" pyproject.toml -o constraints.txt
	$(BIN)/python -m pip install --disable-pip-version-check -q --dry-run -c constraints.txt '.[test,judges,teachers]'

latest: ## a fresh environment with the newest versions that pyproject.toml allows, then the quicker tests
	$(PYTHON) -m venv --clear .venv-latest
	.venv-latest/bin/python -m pip install --disable-pip-version-check -q -e '.[test]'
	.venv-latest/bin/python -m pip list --format freeze > .venv-latest/versions.txt
	.venv-latest/bin/python -m pytest $(SMOKE)

man: $(VENV)/.installed ## the man page build/man/deepaudio.1, from the same text as --help
	@mkdir -p build/man
	$(BIN)/python -m deepaudio_cli.manual > build/man/deepaudio.1

clean: ## remove the environments and caches
	rm -rf $(VENV) .venv-latest .pytest_cache .ruff_cache .import_linter_cache build dist *.egg-info
