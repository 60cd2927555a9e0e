"""Every cell of every notebook runs, and each notebook ends on a decision; none is kept with its outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")  # its own, on the way out
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_ends_on_a_decision(path, tmp_path, monkeypatch):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(FOLDER.parent), os.environ.get("PYTHONPATH")])))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in data for data in shown)
    (last,) = notebook.cells[-1].outputs
    assert "Decision:" in last["text"]


def test_there_are_notebooks():
    assert [path.name for path in NOTEBOOKS] == [
        "01_first_score.ipynb",
        "02_explore_threshold.ipynb",
        "03_train_and_review.ipynb",
        "04_watch_drift.ipynb",
    ]
