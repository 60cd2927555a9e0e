"""Two runs on one state: one after the other, and a decision is never lost."""

import json
import os
import subprocess
import sys

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
    slow = "lambda *given: time.sleep(2) or found(*given)"
    code = f"import leadscore.drift.report as r, time; found = r.drift_report; r.drift_report = {slow}; {MAIN}"
    arguments = {
        "cwd": tmp_path,
        "env": os.environ | {"PYTHONPATH": str(ROOT)},
        "stderr": subprocess.PIPE,
        "text": True,
    }
    command = [sys.executable, "-c", code, "drift", *files]
    nightly = subprocess.Popen(command, stdout=subprocess.DEVNULL, **arguments)
    decided = subprocess.Popen([*command, "--acknowledge", "new_normal"], stdout=subprocess.DEVNULL, **arguments)
    said = nightly.communicate(timeout=60)[1] + decided.communicate(timeout=60)[1]
    assert {nightly.returncode, decided.returncode} <= {0, 4}, said
    assert said.count("Another run is at work on s.json") == 1
    kept = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [one["decision"] for one in kept["decisions"]] == ["new_normal"]
