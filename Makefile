PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
# Threads of linear algebra on top of a process per core wait for each other.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=worksteal
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test slow soak lint lowest wheel docs clean

demo: $(VENV)/installed
	@$(BIN)/leadscore demo

test: $(VENV)/installed
	$(TEST)

slow: $(VENV)/installed
	HYPOTHESIS_PROFILE=thorough $(TEST) -m "not soak" --durations=20

# Simulations and long attacks: by hand, before a release.
soak: $(VENV)/installed
	HYPOTHESIS_PROFILE=thorough $(TEST) -m soak --durations=20

# The fast tests on the lowest versions that pyproject.toml allows. That these call something of one another outdated
# is no fault: only the newest are held to that. The notebooks run in the pages.
lowest: $(LOWEST)/installed
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest --numprocesses=auto --dist=worksteal --ignore=tests/test_notebooks.py \
		-W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning -W ignore::FutureWarning

# What is published: a wheel, alone in an empty environment, with the lowest versions that it allows and with the newest;
# with all that it needs beside the code.
wheel: $(VENV)/installed
	@rm -rf dist
	@$(PIP) "uv >= 0.5"
	@$(BIN)/uv build --quiet --wheel --out-dir dist
	@set -e; for versions in lowest-direct highest; do \
		echo "The demo from the wheel, versions: $$versions"; \
		rm -rf build/wheel*; \
		$(BIN)/uv venv --quiet build/wheel; \
		$(BIN)/uv pip compile --quiet --resolution $$versions --python build/wheel/bin/python --output-file build/wheel.txt pyproject.toml; \
		$(BIN)/uv pip install --quiet --constraints build/wheel.txt --python build/wheel/bin/python dist/*.whl; \
		(cd build && wheel/bin/leadscore demo --leads 2000); done
	@cd build && wheel/bin/python -c "import leadscore; from pathlib import Path; p = Path(leadscore.__file__).parent; \
		missing = [n for n in ('py.typed', '__init__.pyi', 'examples/rulebook.yaml', 'start/presets/hubspot.yaml', 'present/page.html.jinja', 'present/page.css', 'threshold/workbench/workbench.js', 'threshold/workbench/workbench.css') if not (p / n).is_file()]; \
		assert 'build/wheel' in str(p), p; assert not missing, missing"

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

$(LOWEST)/installed: pyproject.toml
	@echo "Installing the lowest versions into $(LOWEST); about a minute, once."
	@$(PYTHON) -m venv --clear $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check "uv >= 0.5"
	@$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable ".[dev]"
	@touch $@

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(f"leadscore needs Python 3.11 or newer; $(PYTHON) is {v}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	@echo "Installing leadscore and what its tests need into $(VENV); about a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable ".[dev]" || { echo "The installation failed; the reason stands above. 'make clean' starts anew." >&2; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build dist docs/_build docs/notebooks docs/reference/generated
