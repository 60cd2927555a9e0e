PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Threads of linear algebra on top of a process per core wait for each other.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal

.PHONY: demo test slow lint docs clean

demo: $(VENV)/installed
	$(BIN)/leadscore demo

test: $(VENV)/installed
	$(TEST)

slow: $(VENV)/installed
	HYPOTHESIS_PROFILE=thorough $(TEST) -m "slow or not slow" --durations=10

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/mypy

# All anew, so that no page shows what an older version of the code printed.
docs: $(VENV)/installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("leadscore needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) docs/_build docs/notebooks docs/reference/generated
