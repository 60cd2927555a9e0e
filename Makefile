PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Threads of linear algebra on top of a process per core wait for each other.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test slow soak lint docs clean

demo: $(VENV)/installed
	@$(BIN)/leadscore demo

test: $(VENV)/installed
	$(TEST)

slow: $(VENV)/installed
	HYPOTHESIS_PROFILE=thorough $(TEST) -m "not soak" --durations=20

# Simulations and long attacks: by hand, before a release.
soak: $(VENV)/installed
	HYPOTHESIS_PROFILE=thorough $(TEST) -m soak --durations=20

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# All anew, so that no page shows what an older version of the code printed.
docs: $(VENV)/installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

$(VENV)/installed-docs: $(VENV)/installed
	@echo "Installing what the pages need into $(VENV); about half a minute, once."
	@$(PIP) --editable ".[docs]"
	@touch $@

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(f"leadscore needs Python 3.11 or newer; $(PYTHON) is {v}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	@echo "Installing leadscore and what its tests need into $(VENV); about a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable ".[dev]" || { echo "The installation failed; the reason stands above. 'make clean' starts anew." >&2; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) docs/_build docs/notebooks docs/reference/generated
