"""Two runs on one state: one after the other, and a decision is never lost."""

import json
import os
import subprocess
import sys
import time

import leadscore as ls
from tests.cli.test_cli import MAIN, ROOT
from tests.support.damage import watched


def test_a_decision_beside_a_nightly_run_is_kept(tmp_path):
    monitor = ls.BalanceMonitor.from_json(watched())
    monitor.rulebook.write(tmp_path / "r.yaml")
    (tmp_path / "s.json").write_text(monitor.to_json(), encoding="utf-8")
    (tmp_path / "l.csv").write_text("lead_id,created_at,country,source\na,2025-01-01,US,ads\n", encoding="utf-8")
    (tmp_path / "e.csv").write_text("lead_id,event,at\na,p,2025-01-02\n", encoding="utf-8")
    assert monitor.verdict.since is not None
    files = ["r.yaml", "--leads", "l.csv", "--events", "e.csv", "--as-of", "2025-10-12", "--state", "s.json"]
    # Whoever decides holds the state until told to go on.
    waits = "[time.sleep(0.05) for _ in iter(pathlib.Path('go').exists, True)]"
    slow = f"found = r.drift_report; r.drift_report = lambda *given: ({waits}, found(*given))[1]"
    code = f"import leadscore.drift.report as r, pathlib, time; {slow}; {MAIN}"
    arguments = {
        "cwd": tmp_path,
        "env": os.environ | {"PYTHONPATH": str(ROOT)},
        "stderr": subprocess.PIPE,
        "text": True,
    }
    command = [sys.executable, "-c", code, "drift", *files, "--acknowledge", "new_normal"]
    decided = subprocess.Popen(command, stdout=subprocess.DEVNULL, **arguments)
    while decided.poll() is None and not (tmp_path / ".s.json.lock").exists():
        time.sleep(0.05)
    nightly = subprocess.Popen([sys.executable, "-c", MAIN, "drift", *files], stdout=subprocess.DEVNULL, **arguments)
    said = nightly.stderr.readline()
    (tmp_path / "go").touch()
    said += decided.communicate(timeout=60)[1] + nightly.communicate(timeout=60)[1]
    assert {nightly.returncode, decided.returncode} <= {0, 4}, said
    assert said.count("Another run is at work on s.json") == 1
    kept = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [one["decision"] for one in kept["decisions"]] == ["new_normal"]
