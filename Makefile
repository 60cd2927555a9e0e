PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test slow lint clean

demo: $(VENV)/installed
	$(BIN)/leadscore demo

test: $(VENV)/installed
	$(BIN)/python -m pytest

slow: $(VENV)/installed
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -m "slow or not slow" --durations=10

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/mypy

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("leadscore needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV)
