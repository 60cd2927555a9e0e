"""Every cell of every notebook runs, and each notebook ends on a decision; none is kept with its outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
_EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@_EACH
def test_it_is_kept_without_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


if os.environ.get("CI") == "true":
    # `.ci/run` has just built the pages, which runs every cell: nothing runs twice.
    @_EACH
    def test_its_page_ends_on_a_decision(path):
        page = (ROOT / "docs/_build/html/notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert 'src="../_images/' in page
        assert "Decision:" in page.rsplit('class="cell_output', 1)[1]

else:

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")  # its own, on the way out
    @_EACH
    def test_it_runs_and_ends_on_a_decision(path, tmp_path, monkeypatch):
        notebook = nbformat.read(path, as_version=4)
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
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
        "05_review.ipynb",
    ]
