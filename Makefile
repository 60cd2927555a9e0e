PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Threads of linear algebra on top of a process per core wait for each other.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal

.PHONY: demo test slow lint clean

demo: $(VENV)/installed
	$(BIN)/leadscore demo

test: $(VENV)/installed
	$(TEST)

slow: $(VENV)/installed
	HYPOTHESIS_PROFILE=thorough $(TEST) -m "slow or not slow" --durations=10

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
