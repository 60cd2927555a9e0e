"""What the command line is given to read: a pipe that nobody writes to is refused, not waited for."""

import os
import subprocess
import sys

from tests.support.bad_input import book, written


def test_a_pipe_as_input_is_refused_by_name(tmp_path):
    rulebook = written(tmp_path, "r.yaml", book(fit="{name: n, when: {country: US}, points: 1}"))
    os.mkfifo(tmp_path / "in.csv")
    options = ["--leads", str(tmp_path / "in.csv"), "--as-of", "2026-03-31", "--out", str(tmp_path / "o.csv")]
    command = [sys.executable, "-c", "from leadscore.cli import main; main()", "score", str(rulebook), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "in.csv' is not a file but a pipe" in ended.stderr
    assert not (tmp_path / "o.csv").exists()
